"""Groups of commits: each is durable when its `add` returns, and no error is swallowed."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from crawler.commits import GroupCommits
from crawler.ledger import Failure
from crawler.reasons import FailReason
from crawler.spool import Ready, Spool
from shards.capture import Capture
from shards.errors import WorkError


def ready(number: int) -> Ready:
    capture = Capture(key=f"test-{number}", source="test", source_id=str(number))
    return Ready(capture, b"\xff\xd8\xff" * 50, "jpg", "t")


def run(directory: Path, work: Callable[[GroupCommits, Spool], Awaitable[None]]) -> None:
    async def whole() -> None:
        with Spool(directory, "w") as spool:
            async with GroupCommits(spool) as commits:
                await work(commits, spool)

    asyncio.run(whole())


def test_what_comes_together_is_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0
    real = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        real(descriptor)

    async def work(commits: GroupCommits, spool: Spool) -> None:
        async def add(number: int) -> None:
            await commits.add(ready(number))
            assert await commits.ask(lambda one: f"test-{number}" in one)

        monkeypatch.setattr(os, "fsync", fsync)
        await asyncio.gather(*(add(number) for number in range(200)))
        await commits.fail(Failure("lost", "t", FailReason.TIMEOUT))
        assert await commits.ask(lambda one: one.settled("lost"))
        assert len(spool) == 200

    run(tmp_path, work)
    assert syncs < 50


def test_who_gives_up_waiting_stops_no_commit(tmp_path: Path) -> None:
    async def work(commits: GroupCommits, _: Spool) -> None:
        first = asyncio.create_task(commits.add(ready(1)))
        second = asyncio.create_task(commits.add(ready(2)))
        await asyncio.sleep(0)
        first.cancel()
        await second
        third = asyncio.create_task(commits.add(ready(3)))
        await asyncio.sleep(0)
        third.cancel()

    run(tmp_path, work)
    with Spool(tmp_path, "w") as spool:
        assert len(spool) == 3


def test_a_full_disk_is_told_to_everyone_in_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(commits: GroupCommits, spool: Spool) -> None:
        await commits.add(ready(1))

        def refuse(_: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(spool, "add_many", refuse)
            results = await asyncio.gather(
                *(commits.add(ready(number)) for number in (2, 3)), return_exceptions=True
            )
        for result in results:
            assert isinstance(result, WorkError)
            assert "No space left on device" in str(result)
        await commits.add(ready(4))
        assert len(spool) == 2

    run(tmp_path, work)
