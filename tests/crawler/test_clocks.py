"""Clocks that are minutes apart: no lease is lost, none is stolen."""

import time
from pathlib import Path
from typing import Any

import pytest

from crawler.budgets import Limit
from crawler.frontier import NewTask
from crawler.frontier_actor import FrontierOwner, RayFrontier, start_owner

SKEW = 600.0


@pytest.fixture
def owner(tmp_path: Path) -> FrontierOwner:
    owner = FrontierOwner(tmp_path)
    owner.frontier("add", [NewTask("a")])
    return owner


@pytest.mark.parametrize("step", [SKEW, -SKEW])
def test_the_heads_clock_is_set_during_a_run(
    owner: FrontierOwner, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    assert owner.frontier("lease", "w1", 60).id == "a"
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step)
    assert owner.frontier("lease", "w2", 60) is None
    assert owner.frontier("renew", "a", "w1", 60)
    owner.frontier("release", "a", "w1")
    assert owner.frontier("lease", "w2", 60).id == "a"


def test_a_window_of_a_budget_lasts_as_long_as_it_says(
    owner: FrontierOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = {"api": [Limit(1, 300)]}
    owner.budgets("finish", owner.budgets("reserve", limit, hold=60))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + SKEW)
    assert owner.budgets("reserve", limit, hold=60).wait > 290


class Worker:
    """In a process of its own, whose clock is wrong by so many seconds."""

    def __init__(self, owner: Any, name: str, skew: float) -> None:
        real = time.time
        time.time = lambda: real() + skew
        self._frontier = RayFrontier(owner)
        self._name = name

    def lease(self) -> str | None:
        task = self._frontier.lease(self._name, 60)
        return task and task.id

    def renew(self, task_id: str) -> bool:
        return self._frontier.renew(task_id, self._name, 60)


def test_workers_whose_clocks_are_minutes_apart(tmp_path: Path, ray_cluster: None) -> None:
    import ray

    owner = start_owner(tmp_path)
    ray.get(owner.frontier.remote("add", [NewTask("a"), NewTask("b")]))
    kind: Any = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(Worker)
    behind, ahead = (kind.remote(owner, f"w{skew:+g}", skew) for skew in (-SKEW, SKEW))
    assert ray.get(behind.lease.remote()) == "a"
    assert ray.get(ahead.lease.remote()) == "b"
    for worker, own, other in ((behind, "a", "b"), (ahead, "b", "a")):
        assert ray.get(worker.lease.remote()) is None
        assert ray.get(worker.renew.remote(own))
        assert not ray.get(worker.renew.remote(other))
    for actor in (behind, ahead, owner):
        ray.kill(actor)
