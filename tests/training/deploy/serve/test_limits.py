"""Hostile and unlucky clients: what they get, and that nothing of them stays."""

import copy
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import httpx2
import psutil
import pytest
from PIL import Image

from tests.training.deploy.serve.serving import JPEG, Served, photo, reason, serving, several
from training.deploy.serve.core import Core

HEAD = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"


class Held:
    """A core that answers when it may."""

    def __init__(self, core: Core) -> None:
        self.core = copy.copy(core)
        self.busy, self.go = threading.Event(), threading.Event()
        self.core.answers = self._answers  # type: ignore[method-assign]

    def _answers(self, places: Any) -> list[dict[str, Any]]:
        self.busy.set()
        assert self.go.wait(20)
        return Core.answers(self.core, places)


@contextmanager
def held(core: Core, **settings: Any) -> Iterator[tuple[Served, Held]]:
    """A server whose first batch, of one image, is in the network until `go` is set."""
    slow = Held(core)
    with serving(slow.core, **settings) as served, ThreadPoolExecutor(1) as one:
        first = one.submit(post, served)
        assert slow.busy.wait(20)
        try:
            yield served, slow
        finally:
            slow.go.set()
            assert first.result().status_code in (200, 504)


def post(served: Served, number: int = 0) -> httpx2.Response:
    url = f"{served.url}/v1/predict"
    return httpx2.post(url, content=photo(number), headers=JPEG, timeout=30)


def connect(served: Served, text: str | bytes) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    opened.sendall(text if isinstance(text, bytes) else text.encode())
    return opened


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)


def nothing_stays(served: Served) -> None:
    for name in ("lostfound_held_bytes", "lostfound_in_progress", "lostfound_waiting_images"):
        until(lambda name=name: served.value(name) == 0)


def test_images_that_would_fill_the_memory(served: Served) -> None:
    large, scans = io.BytesIO(), io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(large, "PNG")
    Image.new("RGB", (16, 16)).save(scans, "JPEG", progressive=True)
    assert large.tell() < 100_000
    before = psutil.Process().memory_info().rss
    url = f"{served.url}/v1/predict"
    assert reason(httpx2.post(url, content=large.getvalue())) == (413, "too_many_pixels")
    many = scans.getvalue()[:-2] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 1000
    assert reason(httpx2.post(url, content=many)) == (422, "bad_image")
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_a_body_without_an_end_is_not_read_into_memory(served: Served) -> None:
    before = psutil.Process().memory_info().rss
    chunk = b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n"
    with closing(connect(served, HEAD + "Transfer-Encoding: chunked\r\n\r\n")) as client:
        client.sendall(chunk * 60)
        client.sendall(b"0\r\n\r\n")
        assert b" 413 " in client.recv(1000)
    assert psutil.Process().memory_info().rss - before < 150 << 20
    nothing_stays(served)


def test_an_announced_length_is_refused_before_a_byte_is_read(served: Served) -> None:
    for length in ("10000000000", "9" * 19):
        with closing(connect(served, f"{HEAD}Content-Length: {length}\r\n\r\n")) as client:
            answer = b"".join(iter(lambda client=client: client.recv(2000), b""))
            assert b" 413 " in answer
            assert b"body_too_large" in answer
            assert b"connection: close" in answer.lower()


def test_slow_clients_are_let_go(core: Core) -> None:
    with serving(core, head_seconds=0.3, body_seconds=0.3) as own:
        for begin in ("", "POST /v1/pre", HEAD + "X-Slow: y"):
            with closing(connect(own, begin)) as client:
                assert client.recv(1000) == b""
        with closing(connect(own, f"{HEAD}Content-Length: 1000\r\n\r\nsome")) as client:
            answer = client.recv(2000)
            assert b" 408 " in answer
            assert b"too_slow" in answer
        # One answered request does not make a connection free for ever.
        with closing(connect(own, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")) as client:
            assert b"alive" in client.recv(4000)
            client.sendall(b"GET /he")
            assert client.recv(1000) == b""
        nothing_stays(own)


def test_headers_are_limited(served: Served) -> None:
    with closing(connect(served, HEAD + "X-Long: " + "y" * 100_000)) as client:
        assert b" 400 " in client.recv(2000)


def test_requests_that_arrive_together_share_a_batch(core: Core) -> None:
    with held(core, max_batch=8) as (own, slow), ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(post, own, number) for number in range(8)]
        until(lambda: own.value("lostfound_waiting_images") == 8)
        slow.go.set()
        assert [answer.result().status_code for answer in answers] == [200] * 8
        assert own.value("lostfound_batch_images_count") == 2
        assert own.value("lostfound_batch_images_sum") == 9


def test_more_than_the_queue_holds_is_refused_at_once(core: Core) -> None:
    with held(core, max_waiting=2) as (own, slow), ThreadPoolExecutor(2) as clients:
        waits = [clients.submit(post, own) for _ in range(2)]
        until(lambda: own.value("lostfound_waiting_images") == 2)
        refused = post(own)
        assert reason(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        slow.go.set()
        assert [answer.result().status_code for answer in waits] == [200, 200]
    assert own.value("lostfound_refused_total", reason="busy") == 1


@pytest.mark.parametrize("limit", [{"max_requests": 1}, {"max_held_bytes": 5000}])
def test_requests_and_their_bytes_are_limited(core: Core, limit: dict[str, int]) -> None:
    with held(core, **limit) as (own, slow):
        assert reason(post(own)) == (503, "busy")
        slow.go.set()
        until(lambda: post(own).status_code == 200)
        nothing_stays(own)


def test_a_client_that_leaves_is_not_predicted(core: Core) -> None:
    with held(core) as (own, slow):
        data = photo()
        text = f"{HEAD}Content-Length: {len(data)}\r\n\r\n".encode() + data
        leaving = [connect(own, text) for _ in range(5)]
        until(lambda: own.value("lostfound_waiting_images") == 5)
        for client in leaving:
            client.close()
        until(lambda: own.value("lostfound_waiting_images") == 0)
        until(lambda: own.value("lostfound_in_progress") == 1)
        slow.go.set()
        nothing_stays(own)
        assert own.value("lostfound_images_total") == 1
        assert not own.server.server_state.tasks


def test_a_batch_that_takes_too_long(core: Core) -> None:
    with held(core, answer_seconds=0.2) as (own, slow):
        assert reason(post(own)) == (504, "too_slow")
        slow.go.set()


def test_requests_in_progress_are_answered_before_the_end(core: Core) -> None:
    threads = threading.active_count()
    with held(core) as (own, slow), ThreadPoolExecutor(1) as client:
        url = f"{own.url}/v1/predict"
        waits = client.submit(httpx2.post, url, json=several(photo(), photo(1)), timeout=30)
        until(lambda: own.value("lostfound_waiting_images") == 2)
        own.server.should_exit = True
        until(lambda: not own.server.servers or not own.server.servers[0].is_serving())
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{own.url}/healthz")
        slow.go.set()
        assert len(waits.result().json()["predictions"]) == 2
    assert threading.active_count() <= threads
