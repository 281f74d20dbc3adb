"""A Hub on loopback: the endpoints that `huggingface_hub` uses, with failures on demand.

What a request and its answer look like is taken from the client's own code (version 2).
"""

import base64
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.shards.hub.store import LFS_BYTES, LFS_SUFFIXES, Entry, RefusedError, Repo, Store
from tests.shards.hub.xet import Xorbs

TOKEN = "hf_loopback_token_of_a_test"
USER = "walker"
PAGE = 7
"""Entries of a tree for each page; small, so that paging is always tested."""


@dataclass
class Failure:
    """What happens at an endpoint instead of an answer, `times` times."""

    kind: str
    """A status, `cut` (the connection ends while the body comes), `lost` (done, but the answer
    does not come) or `slow`."""
    times: int = 1
    message: str = "injected"
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    """Requests that are answered before."""


@dataclass
class Hub:
    store: Store
    port: int = 0
    multipart_bytes: int = 1 << 40
    """Objects that are larger are uploaded in parts."""
    part_bytes: int = 4096
    xorbs: Xorbs = field(default_factory=Xorbs)
    failures: dict[str, Failure] = field(default_factory=dict)
    """By endpoint."""
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens once, before an endpoint acts."""
    requests: list[str] = field(default_factory=list)
    """The endpoint of every request."""
    uploaded: int = 0
    """Bytes of objects that arrived whole."""
    arrivals: Counter[str] = field(default_factory=Counter)
    """How often each object arrived whole."""
    served: int = 0
    delay_s: float = 0.0
    """For each object, so that a test can stop a client in the middle."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, endpoint: str, kind: str | int, **more: Any) -> None:
        self.failures[endpoint] = Failure(str(kind), **more)

    def failure(self, endpoint: str) -> Failure | None:
        with self.lock:
            self.requests.append(endpoint)
            found = self.failures.get(endpoint)
            if found is None or found.times <= 0:
                return None
            if found.after > 0:
                found.after -= 1
                return None
            found.times -= 1
            return found


@contextmanager
def hub_server(root: Path) -> Iterator[Hub]:
    hub = Hub(Store(root))

    class Handler(_Handler):
        pass

    Handler.hub = hub
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_KIND = "(?:datasets|models)"
_ROUTES: list[tuple[str, str, str]] = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "yaml"),
    ("GET", rf"/api/{_KIND}/{_REPO}/tree/(?P<rev>[^/]+)(?:/(?P<path>.+))?", "tree"),
    ("POST", rf"/api/{_KIND}/{_REPO}/paths-info/(?P<rev>[^/]+)", "paths"),
    ("POST", rf"/api/{_KIND}/{_REPO}/preupload/(?P<rev>[^/]+)", "preupload"),
    ("POST", rf"/api/{_KIND}/{_REPO}/commit/(?P<rev>[^/]+)", "commit"),
    ("POST", rf"/api/{_KIND}/{_REPO}/tag/(?P<rev>[^/]+)", "tag"),
    ("GET", rf"/api/{_KIND}/{_REPO}/refs", "refs"),
    ("GET", rf"/api/{_KIND}/{_REPO}(?:/revision/(?P<rev>[^/]+))?", "info"),
    ("POST", rf"(?:/datasets)?/{_REPO}\.git/info/lfs/objects/batch", "batch"),
    ("GET", rf"(?:/datasets)?/{_REPO}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
    ("HEAD", rf"(?:/datasets)?/{_REPO}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "upload"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})/(?P<part>\d+)", "part"),
    ("POST", r"/lfs/(?P<oid>[0-9a-f]{64})/complete", "complete"),
    ("POST", r"/lfs/verify", "verify"),
    ("GET", rf"/api/{_KIND}/{_REPO}/xet-write-token/(?P<rev>[^/]+)", "xet_token"),
    ("POST", r"/cas/v1/xorbs/default/(?P<name>[0-9a-f]{64})", "xorb"),
    ("GET", r"/cas/v1/chunks/default-merkledb/(?P<name>[0-9a-f]{64})", "chunk"),
    ("POST", r"/cas(?:/v1)?/shards", "shard"),
]
_SIGNED = ("upload", "part", "complete", "xorb", "chunk", "shard")
"""Their links are secret, or come with a token of their own."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        address = urlsplit(self.path)
        for method, pattern, endpoint in _ROUTES:
            match = re.fullmatch(pattern, address.path)
            if method == self.command and match:
                values = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                self._answer(endpoint, values, parse_qs(address.query))
                return
        self._body()
        self._error(RefusedError(404, f"no endpoint {self.command} {address.path}"))

    do_GET = do_POST = do_PUT = do_HEAD = _handle

    def _answer(self, endpoint: str, values: dict[str, str], query: dict[str, list[str]]) -> None:
        failure = self.hub.failure(endpoint)
        if failure and failure.kind == "cut":
            self._read(int(self.headers.get("Content-Length") or 0) // 2)
            self._hang_up()
            return
        if failure and failure.kind == "slow":
            time.sleep(0.3)
        body = self._body()
        try:
            if failure and failure.kind.isdigit():
                raise RefusedError(int(failure.kind), failure.message)
            self.hub.before.pop(endpoint, lambda: None)()
            if endpoint not in _SIGNED:
                self._authorize(endpoint, values)
            getattr(self, f"_{endpoint}")(body, query=query, lost=failure, **values)
        except RefusedError as error:
            self._error(error, failure.headers if failure else {})

    def _authorize(self, endpoint: str, values: dict[str, str]) -> None:
        given = self.headers.get("Authorization", "")
        if given and given != f"Bearer {TOKEN}":
            raise RefusedError(401, "Invalid credentials in Authorization header")
        repo = self.hub.store.repos.get(values.get("repo", ""))
        if not given and (repo is None or repo.private or self.command not in ("GET", "HEAD")):
            raise RefusedError(401, "Invalid username or password.")

    # Each endpoint.

    def _whoami(self, body: bytes, **_: Any) -> None:
        self._json({"type": "user", "name": USER, "auth": {"type": "access_token"}})

    def _create(self, body: bytes, lost: Failure | None = None, **_: Any) -> None:
        asked = json.loads(body)
        owner = asked["organization"] or USER
        if owner != USER:
            raise RefusedError(403, f"You don't have the rights to create in {owner}")
        repo = self.hub.store.create(
            f"{owner}/{asked['name']}", private=asked["visibility"] == "private"
        )
        self._json({"url": f"{self.hub.url}/datasets/{repo.name}"}, lost)

    def _yaml(self, body: bytes, **_: Any) -> None:
        text = json.loads(body)["content"]
        try:
            values = yaml.safe_load(text.split("---\n")[1])
        except yaml.YAMLError as error:
            raise RefusedError(400, f"not YAML: {error}") from None
        if not isinstance(values, dict) or "license" not in values:
            raise RefusedError(400, "no license")
        self._json({"errors": [], "warnings": []})

    def _info(self, body: bytes, repo: str, rev: str = "main", **_: Any) -> None:
        found = self._found(repo)
        commit = found.resolve(rev)
        files = [{"rfilename": path} for path in sorted(found.commits[commit])]
        info = {"id": repo, "sha": commit, "private": found.private, "siblings": files}
        self._json(info | {"tags": [], "downloads": 0, "likes": 0})

    def _tree(
        self,
        body: bytes,
        repo: str,
        rev: str,
        query: dict[str, list[str]],
        path: str = "",
        **_: Any,
    ) -> None:
        entries = _listing(
            self._found(repo).files(rev),
            path,
            "true" in query.get("recursive", []) or "True" in query.get("recursive", []),
        )
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(entries):
            rest = "&".join(f"{k}={v[0]}" for k, v in query.items() if k != "cursor")
            link = f"{self.hub.url}{urlsplit(self.path).path}?{rest}&cursor={start + PAGE}"
            headers["Link"] = f'<{link}>; rel="next"'
        self._json(entries[start : start + PAGE], headers=headers)

    def _paths(self, body: bytes, repo: str, rev: str, **_: Any) -> None:
        asked = json.loads(body) if body.startswith(b"{") else parse_qs(body.decode())
        files = self._found(repo).files(rev)
        found = []
        for path in asked["paths"]:
            if path in files:
                found.append(files[path].to_json())
            elif any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        self._json(found)

    def _preupload(self, body: bytes, repo: str, rev: str, **_: Any) -> None:
        files = self._found(repo).files(rev)
        answer = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            large = path.endswith(LFS_SUFFIXES) or file["size"] > LFS_BYTES
            there = files.get(path)
            answer.append({"path": path, "uploadMode": "lfs" if large else "regular"})
            answer[-1] |= {"shouldIgnore": False}
            if there:
                answer[-1]["oid"] = there.sha256 or there.blob
        self._json({"files": answer})

    def _batch(self, body: bytes, repo: str, **_: Any) -> None:
        self._found(repo)
        objects = []
        for asked in json.loads(body)["objects"]:
            if not self.hub.store.has(asked["oid"]):
                asked = asked | {"actions": self._actions(asked["oid"], asked["size"])}
            objects.append(asked)
        self._json({"transfer": "basic", "objects": objects})

    def _actions(self, oid: str, size: int) -> dict[str, Any]:
        link = f"{self.hub.url}/lfs/{oid}"
        verify = {"href": f"{self.hub.url}/lfs/verify"}
        if size <= self.hub.multipart_bytes:
            return {"upload": {"href": f"{link}?signature=secret"}, "verify": verify}
        parts = -(-size // self.hub.part_bytes)
        header = {str(n + 1): f"{link}/{n + 1}?signature=secret" for n in range(parts)}
        header["chunk_size"] = str(self.hub.part_bytes)
        return {"upload": {"href": f"{link}/complete", "header": header}, "verify": verify}

    def _upload(self, body: bytes, oid: str, lost: Failure | None = None, **_: Any) -> None:
        time.sleep(self.hub.delay_s)
        self.hub.store.add_large(oid, body)
        with self.hub.lock:
            self.hub.uploaded += len(body)
            self.hub.arrivals[oid] += 1
        self._json({}, lost)

    def _part(self, body: bytes, oid: str, part: str, **_: Any) -> None:
        (self.hub.store.root / "parts" / f"{oid}-{part}").write_bytes(body)
        with self.hub.lock:
            self.hub.uploaded += len(body)
        self._json({}, headers={"ETag": f'"{part}"'})

    def _complete(self, body: bytes, oid: str, lost: Failure | None = None, **_: Any) -> None:
        folder = self.hub.store.root / "parts"
        numbers = [part["partNumber"] for part in json.loads(body)["parts"]]
        data = b"".join((folder / f"{oid}-{number}").read_bytes() for number in numbers)
        self.hub.store.add_large(oid, data)
        self._json({}, lost)

    def _verify(self, body: bytes, **_: Any) -> None:
        asked = json.loads(body)
        if not self.hub.store.has(asked["oid"]):
            raise RefusedError(404, "no such object")
        self._json({})

    def _xet_token(self, body: bytes, repo: str, **_: Any) -> None:
        self._found(repo)
        link, until = f"{self.hub.url}/cas", int(time.time()) + 3600
        headers = {"X-Xet-Cas-Url": link, "X-Xet-Access-Token": "x"}
        headers["X-Xet-Token-Expiration"] = str(until)
        self._json({"casUrl": link, "accessToken": "x", "exp": until}, headers=headers)

    def _xorb(self, body: bytes, name: str, **_: Any) -> None:
        time.sleep(self.hub.delay_s)
        with self.hub.lock:
            new = self.hub.xorbs.add(name, body)
            self.hub.uploaded += len(body)
        self._json({"was_inserted": new})

    def _chunk(self, body: bytes, **_: Any) -> None:
        raise RefusedError(404, "not known")

    def _shard(self, body: bytes, **_: Any) -> None:
        for sha256, data in self.hub.xorbs.files(body).items():
            self.hub.store.add_large(sha256, data)
        self._json({"result": 1})

    def _commit(
        self, body: bytes, repo: str, rev: str, lost: Failure | None = None, **_: Any
    ) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        store = self.hub.store

        def small(value: dict[str, Any]) -> Entry:
            data = base64.b64decode(value["content"])
            with self.hub.lock:
                self.hub.uploaded += len(data)
            return store.add_small(value["path"], data)

        commit = store.commit(self._found(repo), rev, lines, small)
        link = f"{self.hub.url}/datasets/{repo}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": link}, lost)

    def _tag(self, body: bytes, repo: str, rev: str, **_: Any) -> None:
        found, name = self._found(repo), json.loads(body)["tag"]
        if name in found.tags:
            raise RefusedError(409, "Tag reference exists already")
        found.tags[name] = found.resolve(rev)
        self._json({})

    def _refs(self, body: bytes, repo: str, **_: Any) -> None:
        found = self._found(repo)
        answer: dict[str, Any] = {"converts": []}
        for kind, refs in (("branches", found.branches), ("tags", found.tags)):
            answer[kind] = [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
                for name, commit in refs.items()
            ]
        self._json(answer)

    def _resolve(self, body: bytes, repo: str, rev: str, path: str, **_: Any) -> None:
        found = self._found(repo)
        commit = found.resolve(rev)
        entry = found.commits[commit].get(path)
        if entry is None:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        data = self.hub.store.content(entry).read_bytes()
        headers = {"ETag": f'"{entry.sha256 or entry.blob}"', "X-Repo-Commit": commit}
        headers["Accept-Ranges"] = "bytes"
        status, wanted = 200, re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            status, data = 206, data[start : end + 1]
        with self.hub.lock:
            self.hub.served += len(data) if self.command == "GET" else 0
        self._send(status, data, headers)

    # The parts of a request and of an answer.

    def _found(self, name: str) -> Repo:
        return self.hub.store.repo(name)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size + 2)[:-2]
            self.rfile.readline()
            return data
        return self._read(int(self.headers.get("Content-Length") or 0))

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            self._hang_up()
        return data

    def _json(
        self, value: Any, lost: Failure | None = None, headers: dict[str, str] | None = None
    ) -> None:
        if lost and lost.kind == "lost":
            self._hang_up()
            return
        self._send(200, json.dumps(value).encode(), headers or {})

    def _error(self, error: RefusedError, headers: dict[str, str] | None = None) -> None:
        more = {"X-Error-Message": error.message, "X-Request-Id": "request-1"}
        if error.code:
            more["X-Error-Code"] = error.code
        answer = json.dumps({"error": error.message}).encode()
        self._send(error.status, answer, more | (headers or {}))

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()


def _listing(files: dict[str, Entry], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """The files and folders below a folder, sorted."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, entry in files.items():
        if not path.startswith(prefix):
            continue
        steps = path[len(prefix) :].split("/")
        for depth in range(1, len(steps)):
            name = prefix + "/".join(steps[:depth])
            if recursive or depth == 1:
                found[name] = {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
        if recursive or len(steps) == 1:
            found[path] = entry.to_json()
    if folder and not found:
        raise RefusedError(404, f"{folder} does not exist", "EntryNotFound")
    return [found[path] for path in sorted(found)]
