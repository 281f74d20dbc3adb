"""A loopback server of small pictures that counts what it served: the truth of a chaos run."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from aiohttp import web

DELAY_SECONDS = 0.4
"""Of each answer, so that kills meet requests in flight."""
SIDE = 64


@dataclass
class CountingServer:
    items: int
    port: int = 0
    served: Counter[int] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def urls(self) -> list[str]:
        return [f"{self.url}/item/{number}.jpg" for number in range(self.items)]


def picture(number: int) -> bytes:
    """A small JPEG that differs from that of any other number."""
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1].tobytes())


@contextmanager
def counting_server(
    items: int, *, delay: float = DELAY_SECONDS, draw: Callable[[int], bytes] | None = None
) -> Iterator[CountingServer]:
    """Serves `/item/<number>.jpg` from a thread until the block ends; `draw` makes the bytes."""
    server = CountingServer(items)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chaos server", daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(server, delay, draw or picture), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(
    server: CountingServer, delay: float, draw: Callable[[int], bytes]
) -> web.AppRunner:
    async def item(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number >= server.items:
            raise web.HTTPNotFound
        await asyncio.sleep(delay)
        server.served[number] += 1
        return web.Response(body=draw(number), content_type="image/jpeg")

    async def index(_: web.Request) -> web.Response:
        links = "".join(f'<a href="/item/{n}.jpg">{n}</a>' for n in range(server.items))
        return web.Response(text=f"<html>{links}</html>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get(r"/item/{number:\d+}.jpg", item), web.get("/", index)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    return runner
