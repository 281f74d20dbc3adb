"""When a request may start: a connection's place, no Retry-After running, a turn of each budget."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from crawler.budgets import Budgets, Claims, Turn
from crawler.reasons import FailReason
from crawler.web.errors import FetchError
from crawler.web.hosts import Host

HOLD_MARGIN_SECONDS = 10.0
BLOCKED_FRESH_SECONDS = 1.0


class Turns:
    """The queue of one client. Several processes meet in its budgets."""

    def __init__(
        self,
        budgets: Budgets,
        *,
        connections: int,
        longest_exchange: float,
        max_wait: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """`longest_exchange`: seconds after which a request has surely ended."""
        self.waiting = 0
        """Requests that wait for a budget now."""
        self._budgets = budgets
        self._hold = longest_exchange + HOLD_MARGIN_SECONDS
        self._max_wait = max_wait
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(connections)
        self._queues: dict[tuple[str, ...], asyncio.Lock] = {}
        self._blocked: dict[str, float] = {}
        self._blocked_fresh_until = 0.0

    @asynccontextmanager
    async def turn(self, host: Host, claims: Claims) -> AsyncIterator[None]:
        """Holds all that one exchange needs. Raises FetchError when the wait is too long."""
        host.users += 1
        try:
            async with host.slots:
                turn = await self._enter(host, claims)
                try:
                    yield
                finally:
                    self._slots.release()
                    if turn is not None:
                        self._budgets.finish(turn)
        finally:
            host.users -= 1

    def block(self, name: str, seconds: float) -> None:
        """Retry-After: no process asks for so long."""
        self._budgets.block(name, seconds)
        self._blocked_fresh_until = 0.0

    async def _enter(self, host: Host, claims: Claims) -> Turn | None:
        """Takes a place among all connections, with a turn of the budgets if there are any.

        Who waits for a budget has no place, so that slow hosts do not stop the others.
        """
        if not claims:
            await self._wait_while_blocked(host)
            await self._slots.acquire()
            return None
        self.waiting += 1
        try:
            # One coroutine of each budget asks at a time, so that hundreds do not.
            async with self._queues.setdefault(tuple(claims), asyncio.Lock()):
                while not (turn := await self._reserve(claims)).granted:
                    await self._wait(turn.wait, " and ".join(claims))
                return turn
        finally:
            self.waiting -= 1

    async def _reserve(self, claims: Claims) -> Turn:
        """Asks once; keeps the place when the turn is granted, because it runs from now on."""
        await self._slots.acquire()
        granted = False
        try:
            turn = self._budgets.reserve(claims, hold=self._hold)
            granted = turn.granted
            return turn
        finally:
            if not granted:
                self._slots.release()

    async def _wait_while_blocked(self, host: Host) -> None:
        """A Retry-After of a host without limits: heard here at once, elsewhere in a second."""
        while True:
            now = self._clock()
            if now >= self._blocked_fresh_until:
                blocked = self._budgets.blocked()
                self._blocked = {name: now + seconds for name, seconds in blocked.items()}
                self._blocked_fresh_until = now + BLOCKED_FRESH_SECONDS
            if not self._blocked:
                return
            wait = self._blocked.get(host.budget, 0.0) - now
            if wait <= 0:
                return
            await self._wait(wait, host.origin)

    async def _wait(self, seconds: float, name: str) -> None:
        if seconds > self._max_wait:
            raise FetchError(
                FailReason.RATE_LIMITED,
                f"{name}: free again in {seconds:.0f} s",
                retry_after=seconds,
                final=True,
            )
        await self._sleep(seconds)
