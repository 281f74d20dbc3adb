"""A static web server in its own process, as lean as Python allows: the other end of a benchmark.

It serves a folder's files from memory, HTTP/1.1 with keep-alive, on loopback. Everything behind
the file name in a path is ignored, so `/7.jpg/12345` is the picture `7.jpg` at one of as many
addresses as a benchmark needs.
"""

import asyncio
import sys
from pathlib import Path

HOST = "127.0.0.1"


class _Connection(asyncio.Protocol):
    """One client; requests have no body, and may come in a row without waiting."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._waiting = (self._waiting + data).split(b"\r\n\r\n")
        for request in requests:
            self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" /")
        name = rest.partition(b" ")[0].partition(b"/")[0]
        answer = self._answers.get(name, self._answers[b""])
        return answer if method == b"GET" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def answers(folder: Path) -> dict[bytes, bytes]:
    """The whole answer to a request, by file name; the empty name stands for every other one."""
    found = {b"": _answer("404 Not Found", "text/plain", b"no such file\n")}
    for path in folder.iterdir():
        found[path.name.encode()] = _answer("200 OK", "image/jpeg", path.read_bytes())
    return found


def _answer(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(folder: Path) -> None:
    """Serves until the process ends; prints the port as its first line."""
    loop = asyncio.get_running_loop()
    found = answers(folder)
    server = await loop.create_server(lambda: _Connection(found), HOST, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
