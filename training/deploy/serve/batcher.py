"""Requests that arrive together share one batch: the network costs less for many than for each.

One event loop and one worker thread. While a batch runs, the next one gathers; so under load
batches fill by themselves, and `max_wait_s` matters only to an idle server.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class FullError(Exception):
    """The queue holds as much as it may."""


class ClosedError(Exception):
    """Nothing is accepted any more."""


@dataclass(eq=False)
class _Request(Generic[Item, Result]):
    items: Sequence[Item]
    future: "asyncio.Future[list[Result]]"
    arrived: float
    taken: int = 0
    results: dict[int, Result] = field(default_factory=dict)

    @property
    def rest(self) -> Sequence[Item]:
        return self.items[self.taken :]


class Batcher(Generic[Item, Result]):
    """Calls `work` with batches of items, of `max_batch` in all by `size`.

    An item larger than that is a batch of its own. Batches take one item of each waiting request
    in turn, so a request of many items does not hold up the others.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], list[Result]],
        *,
        max_batch: int,
        max_wait_s: float,
        max_waiting: int,
        size: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self._work = work
        self._size = size
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._max_waiting = max_waiting
        self._queue: deque[_Request[Item, Result]] = deque()
        self._news = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._loop_task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Size of the items that are in no batch yet."""
        return sum(self._size(item) for request in self._queue for item in request.rest)

    def start(self) -> None:
        self._loop_task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Answers what waits, and ends."""
        self._closed = True
        self._news.set()
        if self._loop_task:
            await self._loop_task
        self._thread.shutdown()

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of a request's items. Cancelled, its items leave the queue."""
        if self._closed:
            raise ClosedError
        if self.waiting + sum(map(self._size, items)) > self._max_waiting:
            raise FullError
        if not items:
            return []
        loop = asyncio.get_running_loop()
        request = _Request[Item, Result](items, loop.create_future(), loop.time())
        self._queue.append(request)
        self._news.set()
        try:
            return await request.future
        finally:
            with suppress(ValueError):
                self._queue.remove(request)

    async def _run(self) -> None:
        while await self._gather():
            await self._answer(self._take())

    async def _gather(self) -> bool:
        """Waits until a batch is worth running; False when there is none and never will be."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            self._news.clear()
            waiting = self.waiting
            if waiting >= self._max_batch:
                return True
            if not waiting:
                await self._news.wait()
                continue
            left = min(r.arrived for r in self._queue) + self._max_wait_s - loop.time()
            if left <= 0:
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
        return bool(self._queue)

    def _take(self) -> list[tuple[_Request[Item, Result], int]]:
        """The next batch: requests, and the numbers of their items."""
        batch: list[tuple[_Request[Item, Result], int]] = []
        total = 0
        while self._queue:
            request = self._queue[0]
            total += self._size(request.items[request.taken])
            if batch and total > self._max_batch:
                break
            self._queue.popleft()
            batch.append((request, request.taken))
            request.taken += 1
            if request.rest:
                self._queue.append(request)
        return batch

    async def _answer(self, batch: list[tuple[_Request[Item, Result], int]]) -> None:
        results = await self._worked([request.items[number] for request, number in batch])
        for (request, number), result in zip(batch, results, strict=True):
            if request.future.done():
                continue
            if isinstance(result, Exception):
                request.future.set_exception(result)
                continue
            request.results[number] = result
            if len(request.results) == len(request.items):
                request.future.set_result([request.results[n] for n in range(len(request.items))])

    async def _worked(self, items: list[Item]) -> Sequence[Result | Exception]:
        """When a batch fails, each of its items is tried alone: one must not fail the others."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._work, items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            return [(await self._worked([item]))[0] for item in items]
