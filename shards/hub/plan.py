"""What a publication would change: a pure comparison of a shard directory with a repository."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shards.manifest import FILE_PATTERN, MANIFEST_NAME, Manifest, file_sha256

KEPT_BY_THE_HUB = ".gitattributes"
_OURS = re.compile(rf"{FILE_PATTERN}|^{re.escape(MANIFEST_NAME)}$")


@dataclass(frozen=True, slots=True)
class LocalFile:
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    path: str
    bytes: int
    sha256: str | None
    """None for a small file, which git holds itself."""
    blob: str
    """Its object in git: of the content, or of the pointer where there is a `sha256`."""


@dataclass(frozen=True, slots=True)
class Changes:
    send: list[LocalFile]
    same: list[LocalFile]
    """They are in the repository already."""
    delete: list[str]
    """Paths of an earlier version that this one does not have."""

    @property
    def any(self) -> bool:
        return bool(self.send or self.delete)


def local_files(directory: Path, manifest: Manifest) -> list[LocalFile]:
    """All files of a shard directory with the manifest itself, sorted by path."""
    own = directory / MANIFEST_NAME
    files = [LocalFile(entry.path, entry.bytes, entry.sha256) for entry in manifest.files]
    files.append(LocalFile(MANIFEST_NAME, own.stat().st_size, file_sha256(own)))
    return sorted(files, key=lambda file: file.path)


def compare(
    directory: Path,
    local: Sequence[LocalFile],
    remote: Mapping[str, RemoteFile],
    *,
    overwrite: bool = False,
) -> Changes:
    """What makes the repository hold the files of the directory.

    Files that no shard directory has, such as a LICENSE added by hand, stay unless `overwrite`.
    """
    send: list[LocalFile] = []
    same: list[LocalFile] = []
    for file in local:
        there = remote.get(file.path)
        (same if there and holds(there, file, directory) else send).append(file)
    paths = {file.path for file in local} | {KEPT_BY_THE_HUB}
    delete = [
        path for path in sorted(remote) if path not in paths and (overwrite or _OURS.match(path))
    ]
    return Changes(send, same, delete)


def holds(remote: RemoteFile, local: LocalFile, directory: Path) -> bool:
    """Whether a file of the repository is that of the directory, to the byte."""
    if remote.bytes != local.bytes:
        return False
    if remote.sha256 is not None:
        return remote.sha256 == local.sha256
    return remote.blob == git_blob((directory / local.path).read_bytes())


def git_blob(data: bytes) -> str:
    """The name that git gives to a content: SHA-1 over its type, its size and itself."""
    head = f"blob {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
