"""The frontier of a cluster: one Ray actor owns the SQLite file, and every worker asks it."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crawler.budgets import FILE_NAME as BUDGETS_FILE
from crawler.budgets import Claims, SqliteBudgets, Turn
from crawler.frontier import FILE_NAME, Item, NewTask, SqliteFrontier, Task, TaskState
from crawler.reasons import FailReason


def steady_clock() -> Callable[[], float]:
    """Seconds since 1970 that go on evenly when the machine's clock is set.

    It is the one clock of all leases: workers tell how long they want a task, never until when.
    """
    start = time.time() - time.monotonic()
    return lambda: start + time.monotonic()


class FrontierOwner:
    """What runs inside the actor: the frontier and the budgets of one source."""

    def __init__(self, directory: Path) -> None:
        clock = steady_clock()
        self._frontier = SqliteFrontier(directory / FILE_NAME, clock=clock)
        self._budgets = SqliteBudgets(directory / BUDGETS_FILE, clock)

    def frontier(self, method: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self._frontier, method)(*arguments, **options)

    def budgets(self, method: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self._budgets, method)(*arguments, **options)


def start_owner(directory: Path) -> Any:
    """The actor for `directory`, on this node because the file is here."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    # Everything it knows is in its files, so it may begin anew as often as it dies. A call that is
    # asked again finds what the first one committed; a lease that nobody heard of expires.
    owner = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(FrontierOwner)
    return owner.options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False)
    ).remote(directory)


class _Client:
    """Calls an actor from wherever it is: also inside an event loop, which Ray warns about."""

    def __init__(self, owner: Any, port: str) -> None:
        self._method = getattr(owner, port)
        self._thread = ThreadPoolExecutor(1)

    def ask(self, *arguments: Any, **options: Any) -> Any:
        import ray

        reference = self._method.remote(*arguments, **options)
        return self._thread.submit(ray.get, reference).result()

    def close(self) -> None:
        self._thread.shutdown(wait=False)


class RayFrontier:
    """`Frontier` over the actor that `start_owner` made."""

    def __init__(self, owner: Any) -> None:
        self._client = _Client(owner, "frontier")

    def add(self, tasks: Iterable[NewTask]) -> None:
        self._client.ask("add", [*tasks])

    def lease(self, owner: str, seconds: float) -> Task | None:
        task: Task | None = self._client.ask("lease", owner, seconds)
        return task

    def renew(self, task_id: str, owner: str, seconds: float) -> bool:
        return bool(self._client.ask("renew", task_id, owner, seconds))

    def release(self, task_id: str, owner: str) -> None:
        self._client.ask("release", task_id, owner)

    def release_owner(self, owner: str) -> None:
        self._client.ask("release_owner", owner)

    def claim(self, item: str, task_id: str) -> bool:
        return bool(self._client.ask("claim", item, task_id))

    def admit(
        self, items: Sequence[Item], task_id: str, *, per_bucket: int = 0, total: int = 0
    ) -> set[str]:
        return set(self._client.ask("admit", [*items], task_id, per_bucket=per_bucket, total=total))

    def disown(self, keys: Iterable[str], task_id: str) -> None:
        self._client.ask("disown", [*keys], task_id)

    def done(self, task_id: str, detail: str = "", children: Iterable[NewTask] = ()) -> None:
        self._client.ask("done", task_id, detail, [*children])

    def failed(self, task_id: str, owner: str, reason: FailReason, detail: str = "") -> None:
        self._client.ask("failed", task_id, owner, reason, detail)

    def put_back(
        self, task_id: str, owner: str, reason: FailReason, detail: str = "", *, delay: float = 0
    ) -> TaskState | None:
        state: TaskState | None = self._client.ask(
            "put_back", task_id, owner, reason, detail, delay=delay
        )
        return state

    def unfinished(self) -> int:
        return int(self._client.ask("unfinished"))

    def admitted(self) -> int:
        return int(self._client.ask("admitted"))

    def close(self) -> None:
        self._client.close()


class RayBudgets:
    """`Budgets` over the same actor."""

    def __init__(self, owner: Any) -> None:
        self._client = _Client(owner, "budgets")

    def reserve(self, claims: Claims, *, hold: float) -> Turn:
        turn: Turn = self._client.ask("reserve", dict(claims), hold=hold)
        return turn

    def finish(self, turn: Turn) -> None:
        self._client.ask("finish", turn)

    def block(self, name: str, seconds: float) -> None:
        self._client.ask("block", name, seconds)

    def blocked_for(self, name: str) -> float:
        return float(self._client.ask("blocked_for", name))

    def blocked(self) -> dict[str, float]:
        return dict(self._client.ask("blocked"))

    def close(self) -> None:
        self._client.close()
