"""The tasks that one worker has: leased, kept while it works on them, given back."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

from crawler.frontier import Frontier, Task

LEASE_SECONDS = 300.0
RENEW_SECONDS = 60.0
UNREACHABLE_SECONDS = 180.0
"""A worker that hears nothing for so long stops: a minute later its tasks are given to others."""
IDLE_SECONDS = 1.0
"""Until the frontier is asked again while other workers have the last tasks."""
Result = TypeVar("Result")


class Leases:
    """Asks the frontier in a thread of its own: it may be busy, or at another node."""

    def __init__(self, frontier: Frontier, owner: str) -> None:
        self._frontier = frontier
        self._owner = owner
        self._thread = ThreadPoolExecutor(1, "frontier")

    def __enter__(self) -> Self:
        """Gives back what an earlier life of this worker had."""
        self._frontier.release_owner(self._owner)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    async def ask(self, question: Callable[[Frontier], Result]) -> Result:
        """What the frontier answers."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._frontier)

    async def lease(self) -> Task | None:
        return await self.ask(lambda frontier: frontier.lease(self._owner, LEASE_SECONDS))

    async def release(self, task_id: str) -> None:
        """Without effect on a task that another worker has by now."""
        await self.ask(lambda frontier: frontier.release(task_id, self._owner))

    async def keep(self, running: Mapping[str, asyncio.Task[None]]) -> None:
        """Renews the leases of what is running, for ever.

        Work on a task that was given to another worker is cancelled. All work is where the
        frontier cannot be reached: before the leases end, so that nothing is fetched twice.
        """
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with asyncio.timeout(UNREACHABLE_SECONDS):
                    await self._renew_all(running)
            except TimeoutError:
                for work in running.values():
                    work.cancel()

    async def _renew_all(self, running: Mapping[str, asyncio.Task[None]]) -> None:
        for task_id in list(running):
            kept = await self.ask(partial(self._renew, task_id))
            if not kept and task_id in running:
                running[task_id].cancel()

    def _renew(self, task_id: str, frontier: Frontier) -> bool:
        return frontier.renew(task_id, self._owner, LEASE_SECONDS)


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error itself, of however many tasks of a group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
