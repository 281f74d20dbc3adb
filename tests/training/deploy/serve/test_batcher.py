import asyncio
import threading
from typing import Any

import pytest

from training.deploy.serve.batcher import Batcher, ClosedError, FullError


class Doubler:
    """Work that can be held, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.busy, self.go = threading.Event(), threading.Event()
        self.go.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(list(items))
        self.busy.set()
        assert self.go.wait(20)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def batcher(work: Doubler, **more: Any) -> Batcher[int, int]:
    return Batcher(work, **{"max_batch": 4, "max_wait_s": 0.0, "max_waiting": 100, **more})


async def held(made: Batcher[int, int], work: Doubler) -> "asyncio.Task[list[int]]":
    """A first request that is in the network, so that all others wait."""
    work.go.clear()
    task = asyncio.create_task(made.submit([0]))
    assert await asyncio.to_thread(work.busy.wait, 20)
    return task


async def run_requests(*requests: list[int], work: Doubler, **more: Any) -> list[Any]:
    made = batcher(work, **more)
    made.start()
    first = await held(made, work)
    tasks = [asyncio.create_task(made.submit(items)) for items in requests]
    await asyncio.sleep(0)
    work.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert await first == [0]
    await made.close()
    return found


def test_what_waits_becomes_one_batch_and_keeps_its_order() -> None:
    work = Doubler()
    assert asyncio.run(run_requests([1, 2], [3], [4], work=work)) == [[2, 4], [6], [8]]
    assert work.batches == [[0], [1, 3, 4, 2]]


def test_a_large_request_does_not_hold_up_small_ones() -> None:
    work = Doubler()
    found = asyncio.run(run_requests(list(range(1, 9)), [50], [60], work=work))
    assert found == [[2, 4, 6, 8, 10, 12, 14, 16], [100], [120]]
    assert work.batches[1] == [1, 50, 60, 2]
    assert [len(batch) for batch in work.batches] == [1, 4, 4, 2]


def test_an_item_larger_than_a_batch_goes_alone() -> None:
    work = Doubler()
    found = asyncio.run(run_requests([9], [1], [2], work=work, size=lambda item: max(1, item)))
    assert found == [[18], [2], [4]]
    assert work.batches == [[0], [9], [1, 2]]


def test_one_failing_item_fails_its_own_request_alone() -> None:
    work = Doubler()
    found = asyncio.run(run_requests([1], [13], [2, 3], work=work))
    assert found[0] == [2]
    assert isinstance(found[1], ValueError)
    assert found[2] == [4, 6]


def test_an_idle_batcher_waits_for_others() -> None:
    async def both() -> list[list[int]]:
        made = batcher(work, max_wait_s=5.0, max_batch=2)
        made.start()
        first = asyncio.create_task(made.submit([1]))
        await asyncio.sleep(0.02)
        found = await asyncio.gather(first, made.submit([2]))
        await made.close()
        return found

    work = Doubler()
    assert asyncio.run(both()) == [[2], [4]]
    assert work.batches == [[1, 2]]


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def cancelled() -> None:
        made = batcher(work)
        made.start()
        await held(made, work)
        gone, stays = (asyncio.create_task(made.submit(items)) for items in ([1, 2], [3]))
        await asyncio.sleep(0)
        assert made.waiting == 3
        gone.cancel()
        await asyncio.wait({gone})
        assert made.waiting == 1
        work.go.set()
        assert await stays == [6]
        await made.close()

    work = Doubler()
    asyncio.run(cancelled())
    assert work.batches == [[0], [3]]


def test_a_full_queue_refuses_and_a_closed_one_finishes() -> None:
    async def full() -> None:
        made = batcher(work, max_waiting=3)
        made.start()
        first = await held(made, work)
        waits = asyncio.create_task(made.submit([1, 2]))
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await made.submit([3, 4])
        closing = asyncio.create_task(made.close())
        await asyncio.sleep(0)
        with pytest.raises(ClosedError):
            await made.submit([5])
        work.go.set()
        await closing
        assert await first == [0]
        assert await waits == [2, 4]

    work = Doubler()
    before = threading.active_count()
    asyncio.run(full())
    assert threading.active_count() == before
