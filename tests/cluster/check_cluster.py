"""A real `ray up` on three hosts of this machine: `make test-cluster`.

The name keeps it out of `make test`: it needs root and minutes.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.layout import DatasetLayout
from tests.cluster.bucket import BUCKET, Bucket
from tests.cluster.captures import Arrived, arrived, in_the_making
from tests.cluster.cluster import GAME_PORT, Cluster, started
from tests.cluster.faults import cut_until_noticed, kill, running, wait_until
from tests.cluster.hosts import REPOSITORY, missing, sh
from tests.cluster.pictures import digests, picture, served_slowly, write_list, write_raw
from tests.training.shardmaker import make_shards
from training.model.modelfile import MODEL_NAME

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


@dataclass(frozen=True)
class Listed:
    """A crawl of pictures that come slowly: four a second at most."""

    pictures: list[bytes]
    command: tuple[str, ...]


@pytest.fixture
def listed(cluster: Cluster) -> Iterator[Listed]:
    pictures = [picture(number, 160, 90) for number in range(360)]
    table = cluster.hosts.shared / "list.csv"
    with served_slowly(pictures, 2.0) as address:
        write_list(table, address, len(pictures))
        yield Listed(
            pictures,
            ("crawl", "urls", str(table), "--workers", "4", "--connections", "2",
             "--per-host", "2", "--rows-per-task", "10", "--allow-private",
             "--contact", "test@example.org", "--out", f"s3://{BUCKET}/listed", "--json"),
        )  # fmt: skip


def test_workers_raylets_and_the_head_may_die(cluster: Cluster, listed: Listed) -> None:
    """One after the other during one crawl; after the head's death the same job goes on."""
    head, second, third = cluster.hosts.hosts

    def count() -> int:
        return in_the_making(cluster, "listed", "urls")

    with running(cluster, *listed.command) as job:
        wait_until(lambda: count() >= 20, "20 captures", job)
        kill(cluster, second, "ray::WorkerActor")
        after = count() + 20
        wait_until(lambda: count() >= after, "20 captures without a worker", job)
        kill(cluster, third, "raylet/raylet")
        after = count() + 40
        wait_until(lambda: count() >= after, "40 captures without a raylet", job)
        kill(cluster, head, "ray::|gcs_server|raylet|dashboard|lostfound crawl", how_many=99)
        assert job.result().returncode != 0
    assert count() < len(listed.pictures)
    up = cluster.ray("up", "-y", str(cluster.file))
    assert up.returncode == 0, up.stdout[-2000:] + up.stderr[-2000:]
    cluster.wait_for_nodes(3, BACK_SECONDS)
    again = cluster.submit(*listed.command)
    assert again.returncode == 0, again.stdout[-3000:]
    assert 0 < summary(again.stdout)["new_captures"] < len(listed.pictures)
    there = arrived(cluster, "listed", "urls")
    assert set(there.times.values()) == {1}
    assert sorted(there.sha256.values()) == digests(listed.pictures)


def test_a_host_cut_off_in_the_middle_of_enrichment_changes_no_byte(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Against one process on this machine that nothing disturbs."""
    bucket, folders = Bucket(cluster), ("enriched", "catalog")
    write_raw(tmp_path, [picture(n, 640, 360) for n in range(300)], per_segment=3)
    bucket.send(tmp_path / "raw", "*/*.tar", "drawn/raw")

    def parts() -> int:
        return sum(name.endswith(".tar") for name in bucket.names("drawn/enriched"))

    with running(cluster, "enrich", f"s3://{BUCKET}/drawn", "--workers", "6", "--json") as job:
        wait_until(lambda: parts() >= 8, "8 of 100 parts", job)
        cut_until_noticed(cluster, cluster.hosts.hosts[1])
        done = job.result()
    assert done.returncode == 0, done.stdout[-3000:]
    enrich_dataset(DatasetLayout(tmp_path), EnrichOptions(), workers=1)
    here = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for folder in folders
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    there = {
        f"{folder}/{name}": bucket.read(f"drawn/{folder}/{name}")
        for folder in folders
        for name in bucket.names(f"drawn/{folder}")
    }
    assert sorted(there) == sorted(here)
    assert [name for name in here if here[name] != there[name]] == []
    cluster.wait_for_nodes(3, BACK_SECONDS)


def test_a_host_cut_off_in_the_middle_of_training_leaves_the_same_weights(
    cluster: Cluster,
) -> None:
    """Two hosts train; one goes, the third takes its place from the last checkpoint. Beside a run
    that nothing disturbs, on its way to the storage."""
    shards = make_shards(cluster.hosts.shared / "shards", {"train": 32, "validation": 16})

    def command(runs: str) -> tuple[str, ...]:
        # A worker needs all cores of a host, so that no host gets two.
        cores = os.cpu_count() or 1
        return (
            "train", "demo", "epochs=10", "validate_every=5", "batch_size=8", "image.width=64",
            "image.height=36", f"job.cpus_per_worker={cores}", "--workers", "2",
            "--shards", str(shards), "--out", runs, "--json",
        )  # fmt: skip

    def epochs(runs: Path) -> int:
        return sum(len(rows.read_text().splitlines()) for rows in runs.glob("*/metrics.jsonl"))

    disturbed = cluster.hosts.shared / "runs"
    with running(cluster, *command(str(disturbed))) as job:
        wait_until(lambda: epochs(disturbed) >= 3, "3 of 10 epochs", job)
        training = cluster.hosts_that_run("ray::RayTrainWo")
        cut_until_noticed(cluster, next(h for h in training if h != cluster.hosts.hosts[0]))
        done = job.result()
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(training) == 2
    assert "a worker failed" in done.stdout
    cluster.wait_for_nodes(3, BACK_SECONDS)
    undisturbed = cluster.submit(*command(f"s3://{BUCKET}/runs"))
    assert undisturbed.returncode == 0, undisturbed.stdout[-3000:]
    model = next(disturbed.glob(f"*/{MODEL_NAME}"))
    assert Bucket(cluster).read(f"runs/{model.parent.name}/{MODEL_NAME}") == model.read_bytes()


def test_what_a_sweep_trains_and_an_evaluation_measures_is_in_the_storage(
    cluster: Cluster,
) -> None:
    """The job that evaluates runs on whichever host has room."""
    shards, runs = make_shards(cluster.hosts.shared / "swept"), f"s3://{BUCKET}/swept"
    swept = cluster.submit(
        "sweep", "demo", "epochs=2", "best_by=loss", "batch_size=8", "image.width=64",
        "image.height=36", "--grid", "optimiser.head_lr=0.01,0.002",
        "--shards", str(shards), "--out", runs, "--json",
    )  # fmt: skip
    assert swept.returncode == 0, swept.stdout[-3000:]
    best = summary(swept.stdout)["best"]["run"]
    bucket = Bucket(cluster)
    assert sum(name.endswith(f"/{MODEL_NAME}") for name in bucket.names("swept")) == 2
    words = (f"{runs}/{best}", "--shards", str(shards), "--json")
    measured = cluster.submit("evaluate", *words)
    assert measured.returncode == 0, measured.stdout[-3000:]
    record = json.loads(bucket.read(f"swept/{best}/evaluation/evaluation.json"))
    assert record == summary(measured.stdout)


def test_a_host_with_other_code_is_refused(cluster: Cluster) -> None:
    """Its address and the difference are named, and nothing is changed."""
    host = cluster.hosts.hosts[2]
    file = REPOSITORY / "enrich" / "run.py"
    cluster.hosts.ssh(host, f"(cat {file}; echo '# other') > /tmp/other.py")
    cluster.hosts.ssh(host, f"mount --bind /tmp/other.py {file}")
    try:
        job = cluster.submit(*game("world", 19))
    finally:
        cluster.hosts.ssh(host, f"umount {file}")
    assert job.returncode == 1
    assert f"{host.address}: other lostfound code" in job.stdout
    assert "Traceback" not in job.stdout
    check_games(cluster, "world", 18)


def test_a_job_that_fails_says_so_by_its_exit_code(cluster: Cluster) -> None:
    job = cluster.submit("train", "demo", "--shards", "/nowhere")
    assert job.returncode == 1
    assert "no such" in job.stdout


def test_ray_down_leaves_nothing_behind(cluster: Cluster) -> None:
    down = cluster.ray("down", "-y", str(cluster.file))
    assert down.returncode == 0, down.stderr[-2000:]
    cluster.wait_until_nothing_runs()
