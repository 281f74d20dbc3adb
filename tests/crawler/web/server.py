"""A real HTTP server on loopback, in a thread of its own, that remembers what it was asked."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Robots = str | int | Handler


@dataclass(slots=True)
class Seen:
    """One request, with the times at which its handler began and ended, in seconds since 1970."""

    path: str
    headers: dict[str, str] = field(repr=False)
    began: float
    ended: float = 0.0


class Server:
    """Answers with `handler`; `robots` is its robots.txt, or the status or handler of one."""

    def __init__(self, handler: Handler, robots: Robots) -> None:
        self.handler = handler
        self.robots = robots
        self.seen: list[Seen] = []
        self.robots_asked = 0
        self.port = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            self.robots_asked += 1
            if isinstance(self.robots, int):
                return web.Response(status=self.robots)
            if isinstance(self.robots, str):
                return web.Response(text=self.robots)
            return await self.robots(request)
        seen = Seen(request.path_qs, dict(request.headers), time.time())
        self.seen.append(seen)
        try:
            return await self.handler(request)
        finally:
            seen.ended = time.time()

    async def _serve(self, started: threading.Event, ends: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        started.set()
        await ends.wait()
        await runner.cleanup()


@contextmanager
def serve(handler: Handler | None = None, robots: Robots = 404) -> Iterator[Server]:
    """Without a handler every path answers 200 with its own name."""
    server = Server(handler or _echo, robots)
    loop = asyncio.new_event_loop()
    started, ends = threading.Event(), asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=[server._serve(started, ends)], daemon=True
    )
    thread.start()
    try:
        assert started.wait(30)
        yield server
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(30)
        loop.close()


async def _echo(request: web.Request) -> web.Response:
    return web.Response(text=request.path)


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Handler:
    """A handler that always says the same; `Retry_After="3"` is the header Retry-After."""
    named: dict[str, Any] = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=named)

    return handle
