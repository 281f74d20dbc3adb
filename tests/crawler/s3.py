"""A real S3-compatible server in its own process, and a proxy before it that makes trouble."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.ports import free_port

HOST = "127.0.0.1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key-for-tests",
    "AWS_SECRET_ACCESS_KEY": "secret-for-tests",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def moto_server() -> Iterator[int]:
    """Runs moto's server; yields its port."""
    port = free_port(HOST)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, server)
        yield port
    finally:
        server.kill()
        server.wait()


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the S3 server ended")


@dataclass
class Proxy:
    """Passes requests on. What it does to the n-th one (from 0) stands in the fields."""

    port: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    refuse: Callable[[int, str, str], bool] = lambda number, method, path: False
    """Answer 503 SlowDown instead."""
    cut: Callable[[int, str, str], bool] = lambda number, method, path: False
    """Pass it on, but drop the connection instead of answering."""
    delay: Callable[[int, str, str], float] = lambda number, method, path: 0.0
    """Seconds before the answer."""
    kill: tuple[int, int, bool] | None = None
    """SIGKILL process (first) at a request (second); before (False) or after it has its effect."""
    sent: int = 0
    """Bytes of all answers."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def calm(self) -> None:
        """No trouble from now on, and the count begins anew."""
        fresh = Proxy()
        self.seen, self.sent = [], 0
        self.refuse, self.cut, self.delay, self.kill = fresh.refuse, fresh.cut, fresh.delay, None


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    target: int
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # the client was killed
            self.close_connection = True

    def _serve(self) -> None:
        body = self._body()
        with self.proxy.lock:
            number = len(self.proxy.seen)
            self.proxy.seen.append((self.command, self.path))
        if self.proxy.refuse(number, self.command, self.path):
            return self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        self._perhaps_kill(number, after=False)
        status, headers, content = self._pass_on(body)
        self._perhaps_kill(number, after=True)
        if self.proxy.cut(number, self.command, self.path):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        time.sleep(self.proxy.delay(number, self.command, self.path))
        return self._answer(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _body(self) -> bytes:
        if "100-continue" in self.headers.get("Expect", ""):
            self.send_response_only(100)
            self.end_headers()
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        skipped = ("transfer-encoding", "content-length", "expect", "connection")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        upstream = http.client.HTTPConnection(HOST, self.target, timeout=120)
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        kept = {k: v for k, v in headers.items() if k.lower() not in _OURS}
        length = str(len(content))
        if self.command == "HEAD":
            length = headers.get("Content-Length", headers.get("content-length", "0"))
        for name, value in {**kept, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with self.proxy.lock:
                self.proxy.sent += len(content)
            self.wfile.write(content)

    def _perhaps_kill(self, number: int, *, after: bool) -> None:
        if self.proxy.kill is not None and self.proxy.kill[1:] == (number, after):
            os.kill(self.proxy.kill[0], signal.SIGKILL)

    def log_message(self, *_: object) -> None:
        """Silent."""


_OURS = ("content-length", "transfer-encoding", "connection")


@contextmanager
def proxy_before(target: int) -> Iterator[Proxy]:
    """Runs a proxy in a thread of this process."""
    proxy = Proxy()
    server = ThreadingHTTPServer(
        (HOST, 0), type("Handler", (_Handler,), {"proxy": proxy, "target": target})
    )
    server.daemon_threads = True
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_bucket(port: int, name: str) -> None:
    from pyarrow.fs import S3FileSystem

    files = S3FileSystem(
        endpoint_override=f"http://{HOST}:{port}",
        allow_bucket_creation=True,
        access_key="key-for-tests",
        secret_key="secret-for-tests",
        region="us-east-1",
    )
    files.create_dir(name)
