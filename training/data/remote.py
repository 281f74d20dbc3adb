"""Shards at an address: what describes them is fetched at once, a tar when it is needed.

They are kept in the cache under the hash of their manifest, in the layout of a shard directory, so
all that reads one reads these too. Every file is compared with the manifest before it is used.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from shards.atomic import write_bytes, write_json
from shards.errors import UsageError, WorkError
from shards.labels import LABELS_NAME
from shards.manifest import MANIFEST_NAME, FileEntry, Manifest, file_sha256, parse_manifest
from shards.remote import Remote, is_address, open_remote
from training.data.cache import Cache, cache_folder

DEFAULT_CACHE_GB = 100.0
_SOURCE = "source.json"
"""Names the address; only a directory of the cache has one."""
_FOLDER = "shards"


def where_shards_are(shards: str | Path) -> str:
    """An address as it is; the path of a directory as it is from everywhere."""
    return str(shards) if is_address(str(shards)) else str(Path(shards).resolve())


def local_shards(shards: str | Path) -> Path:
    """The directory of `shards`, or for an address (s3://, http://, hf://, …) that of its copy.

    Raises UsageError when nothing is there, WorkError when it cannot be fetched or is damaged.
    """
    if not is_address(str(shards)):
        return Path(shards).resolve()
    remote = open_remote(str(shards))
    if not remote.exists(MANIFEST_NAME):
        raise UsageError(
            f"{remote.url}: no {MANIFEST_NAME} there; give the address of a shard directory, as"
            " `lostfound build` or `lostfound publish` wrote it"
        )
    text = remote.read(MANIFEST_NAME)
    manifest = parse_manifest(text, f"{remote.url}/{MANIFEST_NAME}")
    copy = cache_folder() / _FOLDER / hashlib.sha256(text).hexdigest()[:32]
    copy.joinpath("data").mkdir(parents=True, exist_ok=True)
    for entry in manifest.files:
        if entry.path == LABELS_NAME or entry.path.startswith("metadata/"):
            _fetch_small(remote, entry, copy / entry.path)
    write_json(copy / _SOURCE, {"address": remote.url})
    write_bytes(copy / MANIFEST_NAME, text)
    return copy


def address_of(shards: Path) -> str | None:
    """Where the shards stand of which this directory is a copy; None for shards of this machine.

    Only the cache has copies: a shard directory from elsewhere cannot name an address.
    """
    if not shards.resolve().is_relative_to(cache_folder()):
        return None
    try:
        record: dict[str, Any] = json.loads((shards / _SOURCE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return str(record["address"])


class Tars:
    """The tars of a shard directory. Fetches those of a copy when they are asked for."""

    def __init__(self, shards: Path, cache_gb: float = DEFAULT_CACHE_GB) -> None:
        self._shards = shards
        self._address = address_of(shards)
        self._cache = Cache(cache_folder(), cache_gb)
        self._remote: Remote | None = None
        self._entries: dict[str, FileEntry] = {}
        if self._address:
            text = (shards / MANIFEST_NAME).read_bytes()
            manifest: Manifest = parse_manifest(text, str(shards))
            self._entries = {entry.path: entry for entry in manifest.tars()}
            self._remote = open_remote(self._address)

    @property
    def are_remote(self) -> bool:
        return self._remote is not None

    def file(self, tar: Path) -> Path:
        """`tar` as a file of this machine, as the manifest has it."""
        if self._remote is None:
            return tar
        entry = self._entries[tar.relative_to(self._shards).as_posix()]
        return self._cache.get(
            tar,
            entry.bytes,
            lambda temporary: self._fetch(entry, temporary),
            lambda path: file_sha256(path) == entry.sha256,
        )

    def _fetch(self, entry: FileEntry, temporary: Path) -> None:
        assert self._remote is not None
        self._remote.fetch(entry.path, temporary)
        _check(self._remote, entry, temporary)


def _fetch_small(remote: Remote, entry: FileEntry, path: Path) -> None:
    """A file that is read at once; kept when it is there and right."""
    if path.is_file() and file_sha256(path) == entry.sha256:
        return
    remote.fetch(entry.path, path)
    try:
        _check(remote, entry, path)
    except WorkError:
        path.unlink()
        raise


def _check(remote: Remote, entry: FileEntry, path: Path) -> None:
    if file_sha256(path) != entry.sha256:
        raise WorkError(
            f"{remote.url}/{entry.path}: not the file that its manifest names; the shards have"
            " changed, or are damaged: run `lostfound verify` where they stand"
        )
