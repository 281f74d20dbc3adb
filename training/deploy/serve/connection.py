"""uvicorn's connection, with a limit on how long a client may take to begin a request.

uvicorn bounds idle connections between requests. A client that connects and sends nothing, or one
letter of a header every second, would keep its connection for ever (slow loris).
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def connection(head_seconds: float) -> type[H11Protocol]:
    """The class for uvicorn's `http` option."""

    class Connection(H11Protocol):
        _too_late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()

        def _watch(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop()
            elif self._too_late is None:
                self._too_late = self.loop.call_later(head_seconds, self.transport.close)

        def _stop(self) -> None:
            if self._too_late is not None:
                self._too_late.cancel()
                self._too_late = None

    return Connection
