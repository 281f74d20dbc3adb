"""A web server on loopback: shows a folder by ranges, counts what it sends, makes trouble."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Server:
    directory: Path
    port: int = 0
    ranges: bool = True
    """False: `Range` is ignored, as RFC 9110 allows."""
    sent: int = 0
    """Bytes of bodies."""
    headers_sent: int = 0
    """Bytes of headers, about."""
    paths: list[tuple[str, str]] = field(default_factory=list)
    """(path, Range) of each request."""
    authorized: list[str] = field(default_factory=list)
    trouble: Callable[[int, str], int | str | None] = lambda number, path: None
    """For the n-th request: a status, `cut` (half of the body), `shift` (a wrong range) or None."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    server_of: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        state = self.server_of
        wanted = self.headers.get("Range", "")
        with state.lock:
            number = len(state.paths)
            state.paths.append((self.path, wanted))
            state.authorized.append(self.headers.get("Authorization", ""))
        trouble = state.trouble(number, self.path)
        if isinstance(trouble, int):
            return self._send(trouble, b"", {"Retry-After": "0"})
        path = state.directory / self.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            return self._send(404, b"", {})
        data = path.read_bytes()
        if not (wanted and state.ranges):
            return self._send(200, data, {}, cut=trouble == "cut")
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1, len(data))
        if trouble == "shift":
            start += 1
        content = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
        return self._send(206, data[start:end], content, cut=trouble == "cut")

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        with self.server_of.lock:
            self.server_of.headers_sent += sum(map(len, self._headers_buffer))  # type: ignore[attr-defined]
            self.server_of.sent += len(body) // 2 if cut else len(body)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def serve(directory: Path) -> Iterator[Server]:
    """Serves a folder from a thread of this process."""
    state = Server(directory)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": state})
    )
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
