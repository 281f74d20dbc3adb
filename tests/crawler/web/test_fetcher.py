import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crawler.web.fetcher import open_fetcher
from shards.errors import UsageError, WorkError


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        bodies = {"/small": b"x" * 10, "/large": b"x" * 2000}
        body = bodies.get(self.path)
        self.send_response(302 if self.path == "/away" else 404 if body is None else 200)
        if self.path == "/away":
            self.send_header("Location", "http://127.0.0.1:1/secret?token=1")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_bytes_for_several_threads(site: str) -> None:
    with (
        open_fetcher(contact="", allow_private=True, max_bytes=1000) as fetch,
        ThreadPoolExecutor(4) as threads,
    ):
        assert list(threads.map(fetch, [f"{site}/small"] * 8)) == [b"x" * 10] * 8
        with pytest.raises(WorkError, match="too_large"):
            fetch(f"{site}/large")
        with pytest.raises(WorkError, match=f"{site}/absent: not_found"):
            fetch(f"{site}/absent?key=secret")
    assert not [thread for thread in threading.enumerate() if thread.name == "fetcher"]


def test_guards(site: str) -> None:
    with pytest.raises(UsageError, match="--contact"), _closed(""):
        pass
    with _closed("me@example.org") as fetch, pytest.raises(WorkError, match="private_address"):
        fetch(f"{site}/small")


def _closed(contact: str) -> Any:
    return open_fetcher(contact=contact, allow_private=False, max_bytes=1000)
