"""A real `ray up` on three hosts of this machine: `make test-cluster`.

The name keeps it out of `make test`: it needs root and minutes.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.captures import BUCKET, Arrived, arrived, in_the_making
from tests.cluster.cluster import GAME_PORT, Cluster, started
from tests.cluster.faults import cut_until_noticed, running, wait_until
from tests.cluster.hosts import missing, sh

ROUNDS = 5
BACK_SECONDS = 300.0
"""Until the autoscaler has started Ray again on a host that came back."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if why := missing():
        pytest.skip(why)
    # Not below /tmp: every host has one of its own.
    with tempfile.TemporaryDirectory(prefix="lostfound-", dir="/var/tmp") as folder:
        with started(Path(folder)) as up:
            yield up
        assert "lf1" not in sh("ip", "netns", "list")
        assert "lfbr" not in sh("ip", "link")


def summary(stdout: str) -> dict[str, Any]:
    lines = [line for line in stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def game(out: str, games: int) -> tuple[str, ...]:
    """The crawl of the game with two browsers on every host."""
    return (
        "crawl", "game", "--url", f"http://127.0.0.1:{GAME_PORT}", "--workers", "6", "--pages", "1",
        "--games", str(games), "--out", f"s3://{BUCKET}/{out}", "--json",
    )  # fmt: skip


def check_games(cluster: Cluster, out: str, games: int) -> Arrived:
    """Every game is there with all its rounds, and no round twice."""
    there = arrived(cluster, out, "geoguessr")
    assert set(there.times.values()) == {1}
    rounds = Counter(key.rpartition("-")[0] for key in there.sha256)
    assert Counter(rounds.values()) == {ROUNDS: games}
    return there


def test_a_crawl_on_all_hosts_makes_one_dataset(cluster: Cluster) -> None:
    job = cluster.submit(*game("world", 18))
    assert job.returncode == 0, job.stdout[-3000:]
    assert summary(job.stdout)["captures"] == 18 * ROUNDS
    there = check_games(cluster, "world", 18)
    assert there.nodes == {host.name for host in cluster.hosts.hosts}


def test_a_host_cut_off_in_the_middle_of_a_crawl_loses_and_repeats_nothing(
    cluster: Cluster,
) -> None:
    """What it was playing is played to its end by others; it comes back while they do."""
    with running(cluster, *game("cut", 24)) as job:
        wait_until(lambda: in_the_making(cluster, "cut", "geoguessr") >= 25, "25 captures", job)
        cut_until_noticed(cluster, cluster.hosts.hosts[2])
        done = job.result()
    assert done.returncode == 0, done.stdout[-3000:]
    crawled = summary(done.stdout)
    assert crawled["captures"] == 24 * ROUNDS
    assert crawled["workers_replaced"] >= 1
    check_games(cluster, "cut", 24)
    cluster.wait_for_nodes(3, BACK_SECONDS)


def test_a_job_that_fails_says_so_by_its_exit_code(cluster: Cluster) -> None:
    job = cluster.submit("train", "demo", "--shards", "/nowhere")
    assert job.returncode == 1
    assert "no such" in job.stdout


def test_ray_down_leaves_nothing_behind(cluster: Cluster) -> None:
    down = cluster.ray("down", "-y", str(cluster.file))
    assert down.returncode == 0, down.stderr[-2000:]
    cluster.wait_until_nothing_runs()
