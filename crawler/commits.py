"""Commits of many downloads in groups: one wait for the disk for all that came meanwhile.

While one group is written, the next one gathers; so groups grow with the load, and a single
picture waits for no other.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from crawler.ledger import Failure
from crawler.spool import Ready, Spool
from shards.errors import WorkError

Result = TypeVar("Result")
GATHER_SECONDS = 0.02
"""How long the first of a group waits for company: about as long as a disk needs to be sure."""


class GroupCommits:
    """Owns a spool inside one event loop: whatever touches it runs in one thread, in order."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, "commits")
        self._ready: list[Ready] = []
        self._failed: list[Failure] = []
        self._group: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Waits for what is being written."""
        groups = [group for group in (self._writing, self._group) if group is not None]
        await asyncio.gather(*groups, return_exceptions=True)
        self._thread.shutdown()

    async def add(self, ready: Ready) -> None:
        """Returns once the capture is committed. Raises WorkError when the disk takes no more."""
        self._ready.append(ready)
        await self._committed()

    async def fail(self, *failures: Failure) -> None:
        """Returns once it is recorded that the items will not come, and why."""
        if failures:
            self._failed += failures
            await self._committed()

    async def ask(self, question: Callable[[Spool], Result]) -> Result:
        """What the spool answers, asked between two groups."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._spool)

    async def _committed(self) -> None:
        if self._group is None:
            self._group = asyncio.create_task(self._commit(self._writing))
        # One that gives up waiting must not stop the commit of the others.
        await asyncio.shield(self._group)

    async def _commit(self, before: "asyncio.Task[None] | None") -> None:
        await asyncio.sleep(GATHER_SECONDS)
        if before is not None:
            await asyncio.wait([before])
        ready, self._ready = self._ready, []
        failed, self._failed = self._failed, []
        # What comes from here on belongs to the next group.
        self._writing, self._group = self._group, None
        await self.ask(lambda spool: _write(spool, ready, failed))


def _write(spool: Spool, ready: list[Ready], failed: list[Failure]) -> None:
    try:
        if ready:
            spool.add_many(ready)
        if failed:
            spool.fail_many(failed)
    except OSError as error:
        raise WorkError(
            f"{spool.directory}: cannot be written ({error.strerror}); free the disk, then run"
            " the same command again"
        ) from error
