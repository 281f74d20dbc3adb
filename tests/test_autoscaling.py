"""The cluster of `ray_cluster.yaml` grows from its head for the work that comes, and back to it."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crawler.playground.game import ROUNDS
from crawler.playground.server import start_in_thread
from tests.autoscaling import GrowingCluster, growing

GAMES = 10
IDLE_SECONDS = 120


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_work_brings_machines_of_its_own_group_which_go_after_it(tmp_path: Path) -> None:
    dataset = str(tmp_path / "world")
    with growing() as cluster, start_in_thread() as game:
        assert not cluster.nodes()
        crawled = run_and_watch(
            cluster, "crawl", "game", "--url", game.url, "--workers", "5", "--pages", "1",
            "--games", str(GAMES), "--out", dataset,
        )  # fmt: skip
        assert crawled.summary["captures"] == GAMES * ROUNDS
        # Five browsers where a machine of the group has room for four.
        assert crawled.most == {"scraper": 2}
        wait_until_empty(cluster)
        enriched = run_and_watch(cluster, "enrich", dataset, "--workers", "5")
        assert enriched.summary["captures"] == GAMES * ROUNDS
        assert enriched.most == {"enrich": 1}
        wait_until_empty(cluster)


class Watched:
    def __init__(self, most: Counter[str], summary: dict[str, Any]) -> None:
        self.most = most
        """Nodes that were there at a time, by group."""
        self.summary = summary


def run_and_watch(cluster: GrowingCluster, *arguments: str) -> Watched:
    most: Counter[str] = Counter()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(cluster.run, "lostfound", *arguments, "--json")
        while not running.done():
            most |= cluster.nodes()
        done = running.result()
    assert done.returncode == 0, done.stderr[-2000:]
    return Watched(most, json.loads(done.stdout.splitlines()[-1]))


def wait_until_empty(cluster: GrowingCluster) -> None:
    end = time.monotonic() + IDLE_SECONDS
    while left := cluster.nodes():
        assert time.monotonic() < end, f"still there: {dict(left)}"
        time.sleep(1)
