"""Bodies of requests in bounded memory and time, and answers to those that were not read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from training.deploy.serve.refusal import Refusal, busy

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 << 20


@dataclass
class Budget:
    """Bytes that all requests together hold in memory."""

    total: int
    held: int = 0

    @contextmanager
    def share(self) -> Iterator["Share"]:
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held


@dataclass
class Share:
    """What one request holds of it."""

    budget: Budget
    held: int = 0

    def grow(self, size: int) -> None:
        """To `size` bytes, which must be free."""
        more = max(0, size - self.held)
        if self.budget.held + more > self.budget.total:
            raise busy("the server holds as many bytes of images as it may")
        self.held += more
        self.budget.held += more


async def read_body(request: Request, share: Share, limit: int, seconds: float) -> bytes:
    """The whole body. What its header announces is checked, and held, before a byte is read."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        if len(announced) > 18 or int(announced) > limit:
            raise _too_large(limit)
        share.grow(int(announced))
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise _too_large(limit)
                share.grow(len(body) + len(chunk))
                body += chunk
    except TimeoutError:
        message = f"the body did not arrive within {seconds:g} s; send it faster, or resize it"
        raise Refusal(408, "too_slow", message) from None
    except ClientDisconnect:
        raise Refusal(499, "client_gone", "the client closed the connection") from None
    request.state.body_read = True
    return bytes(body)


def _too_large(limit: int) -> Refusal:
    message = f"the body is larger than {limit / (1 << 20):g} MiB; resize the images, or send fewer"
    return Refusal(413, "body_too_large", message)


class LastResponse(JSONResponse):
    """An error, after which the connection is closed if the body was not read to its end.

    Most clients read only when they have written. So what still comes is read for a while and
    thrown away: closed at once, the connection would be reset and the answer lost.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        if not has_body or scope.get("state", {}).get("body_read"):
            await super().__call__(scope, receive, send)
            return
        self.headers["Connection"] = "close"
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    read, more = 0, True
    while more and read < _LINGER_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)
