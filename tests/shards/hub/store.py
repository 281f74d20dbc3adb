"""What a Hub keeps: blobs on disk by their hash, commits, branches and tags of each repository."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shards.hub.plan import git_blob

LFS_SUFFIXES = (".tar", ".parquet", ".png", ".safetensors", ".onnx")
LFS_BYTES = 10 << 20


class RefusedError(Exception):
    """An answer with a status that is an error, and what the Hub says."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Entry:
    """A file of a commit."""

    path: str
    size: int
    sha256: str | None
    blob: str

    def to_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": self.path, "size": self.size}
        entry["oid"] = self.blob
        if self.sha256:
            size = len(_pointer(self.sha256, self.size))
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": size}
        return entry


@dataclass
class Repo:
    name: str
    private: bool
    commits: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """Files by path, of each commit."""
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, revision: str) -> str:
        for found in (self.branches.get(revision), self.tags.get(revision), revision):
            if found in self.commits:
                return str(found)
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def files(self, revision: str = "main") -> dict[str, Entry]:
        return self.commits[self.resolve(revision)]


class Store:
    """All repositories. A commit refers to blobs that are there, or it is refused."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.repos: dict[str, Repo] = {}
        for kind in ("lfs", "git", "parts"):
            (root / kind).mkdir(parents=True, exist_ok=True)

    def create(self, name: str, *, private: bool) -> Repo:
        with self.lock:
            if name in self.repos:
                raise RefusedError(409, "You already created this dataset repo")
            self.repos[name] = repo = Repo(name, private)
        attributes = b"*.tar filter=lfs diff=lfs merge=lfs -text\n"
        self._commit(repo, {".gitattributes": self.add_small(".gitattributes", attributes)})
        return repo

    def repo(self, name: str) -> Repo:
        if name not in self.repos:
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        return self.repos[name]

    def add_small(self, path: str, data: bytes) -> Entry:
        blob = git_blob(data)
        (self.root / "git" / blob).write_bytes(data)
        return Entry(path, len(data), None, blob)

    def has(self, sha256: str) -> bool:
        return (self.root / "lfs" / sha256).is_file()

    def add_large(self, sha256: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RefusedError(400, "the bytes are not those that the object's name says")
        temporary = self.root / "lfs" / f".{sha256}"
        temporary.write_bytes(data)
        temporary.rename(self.root / "lfs" / sha256)

    def content(self, entry: Entry) -> Path:
        return self.root / ("lfs" if entry.sha256 else "git") / (entry.sha256 or entry.blob)

    def commit(self, repo: Repo, branch: str, lines: list[dict[str, Any]], small: Any) -> str:
        """Applies the operations of a commit request, all or none; returns the new commit."""
        with self.lock:
            files = dict(repo.files(branch))
            for line in lines:
                value = line["value"]
                match line["key"]:
                    case "header":
                        parent = value.get("parentCommit")
                        if parent and parent != repo.branches[branch]:
                            raise RefusedError(412, "A commit has happened since")
                    case "file":
                        files[value["path"]] = small(value)
                    case "lfsFile":
                        if not self.has(value["oid"]):
                            raise RefusedError(400, f"no object {value['oid']}")
                        blob = git_blob(_pointer(value["oid"], value["size"]))
                        files[value["path"]] = Entry(
                            value["path"], value["size"], value["oid"], blob
                        )
                    case "deletedFile":
                        del files[value["path"]]
                    case other:
                        raise RefusedError(400, f"unknown operation {other}")
            return self._commit(repo, files, branch)

    def _commit(self, repo: Repo, files: dict[str, Entry], branch: str = "main") -> str:
        parent = repo.branches.get(branch, "")
        tree = json.dumps([files[path].to_json() for path in sorted(files)])
        commit = hashlib.sha1(f"{parent}\n{tree}".encode()).hexdigest()
        repo.commits[commit] = files
        repo.branches[branch] = commit
        return commit


def _pointer(sha256: str, size: int) -> bytes:
    """What git holds in place of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    ).encode()
