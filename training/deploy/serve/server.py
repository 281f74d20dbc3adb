"""uvicorn around the application: listens, stops when told to, and leaves nothing behind."""

import logging
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from shards.errors import UsageError
from training.deploy.serve.connection import connection
from training.deploy.serve.guard import LOGGER
from training.deploy.serve.settings import Settings

_MAX_CONNECTIONS = 512
_MAX_HEAD_BYTES = 32 << 10
_KEEP_ALIVE_SECONDS = 10


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(_MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        opened.close()
        raise UsageError(
            f"{host}:{port}: cannot listen ({error}); choose --host or --port"
        ) from None
    return opened


def make_server(
    app: FastAPI, settings: Settings, started: Callable[[], None] = lambda: None
) -> uvicorn.Server:
    """`started` is called when it answers."""
    config = uvicorn.Config(
        app,
        http=connection(settings.head_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    return Server(config)


def run_server(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serves until SIGINT or SIGTERM, then finishes what is in progress."""
    _log_to_stderr()
    # uvicorn raises the signal again when it has stopped; the command then ends in its own way.
    kept = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run([listening])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        listening.close()


def _ignore(*_: Any) -> None:
    """A handler of its own, because the children of a process inherit SIG_IGN."""


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):
        logger.handlers = [handler]
        logger.propagate = False
    LOGGER.setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
