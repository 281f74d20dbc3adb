"""A real `ray up` on three hosts of this machine: `make test-cluster`.

The name keeps it out of `make test`: it needs root and minutes.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import GAME_PORT, Cluster, started, storage
from tests.cluster.hosts import missing, sh

GAMES = 18


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


def summary(stdout: str) -> dict[str, object]:
    lines = [line for line in stdout.splitlines() if line.startswith('{"source"')]
    found: dict[str, object] = json.loads(lines[-1])
    return found


def test_a_crawl_on_all_hosts_makes_one_dataset(cluster: Cluster) -> None:
    job = cluster.submit(
        "crawl", "game", "--url", f"http://127.0.0.1:{GAME_PORT}", "--workers", "6", "--pages", "1",
        "--games", str(GAMES), "--out", "s3://lostfound/world", "--json",
    )  # fmt: skip
    assert job.returncode == 0, job.stdout[-3000:]
    assert summary(job.stdout)["captures"] == GAMES * 5
    client = storage(int(cluster.storage["AWS_ENDPOINT_URL"].rpartition(":")[2]))

    def text(name: str) -> str:
        key = f"world/raw/geoguessr/{name}"
        body: bytes = client.get_object(Bucket="lostfound", Key=key)["Body"].read()
        return body.decode()

    listed = client.list_objects_v2(Bucket="lostfound", Prefix="world/raw/geoguessr/")["Contents"]
    names = [entry["Key"].rpartition("/")[2] for entry in listed]
    rows = [
        json.loads(line)
        for name in names
        if name.endswith(".rows.jsonl")
        for line in text(name).splitlines()[1:]
    ]
    assert len({row["key"] for row in rows}) == len(rows) == GAMES * 5
    workers = json.loads(text("stats.jsonl").splitlines()[-1])["workers"]
    fetched = {worker["node"] for worker in workers if worker["captures"]}
    assert fetched == {host.name for host in cluster.hosts.hosts}


def test_a_job_that_fails_says_so_by_its_exit_code(cluster: Cluster) -> None:
    job = cluster.submit("train", "demo", "--shards", "/nowhere")
    assert job.returncode == 1
    assert "no such" in job.stdout


def test_ray_down_leaves_nothing_behind(cluster: Cluster) -> None:
    down = cluster.ray("down", "-y", str(cluster.file))
    assert down.returncode == 0, down.stderr[-2000:]
    cluster.wait_until_nothing_runs()
