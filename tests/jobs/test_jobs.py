"""Jobs of a real head, as a scheduler runs them: by their exit codes, and what is left to see."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ray._private.ray_constants import PROMETHEUS_SERVICE_DISCOVERY_FILE

from tests.enrich.samples import simple_dataset
from tests.jobs.head import BIN, Head, ray_head, wait_for_port
from tests.ports import free_port
from tests.test_board import OF_RAY
from tests.training.conftest import TINY
from tests.training.shardmaker import make_shards

SECRET = "hunter2-hunter2"


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head(LOSTFOUND_MAPILLARY_TOKEN=SECRET, RAY_metrics_report_interval_ms="500") as up:
        yield up


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("shards") / "shards")


@pytest.fixture(scope="module")
def game() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [str(BIN / "lostfound"), "playground", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def crawl(head: Head, game: str, name: str, games: int) -> list[str]:
    out = str(head.folder / name)
    options = ("--games", str(games), "--pages", "1", "--workers", "1", "--out", out, "--json")
    return ["--json", "--id", name, "crawl", "game", "--url", game, *options]


@contextmanager
def waiting(head: Head, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`lostfound submit` that is still waiting for its job."""
    with subprocess.Popen(
        [str(BIN / "lostfound"), "submit", "--address", head.address, *words],
        env=head.environment, cwd=head.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end
        time.sleep(0.5)
    return found


def test_the_verbs_own_exit_code_and_last_words(head: Head) -> None:
    job = head.submit("--id", "night", "verify", "/nowhere")
    assert job.returncode == 2, job.stderr
    assert "lostfound: /nowhere: no such directory" in job.stdout
    assert job.stderr.splitlines()[-2:] == [
        "night: ended with exit code 2; its last lines say why",
        job.stderr.splitlines()[-1],
    ]


def test_a_job_that_is_done_and_what_prometheus_saw_of_it(head: Head) -> None:
    dataset = simple_dataset(head.folder / "dataset")
    words = ("--json", "--id", "enriched", "enrich", str(dataset.root), "--workers", "2", "--json")
    job = head.submit(*words)
    assert job.returncode == 0, job.stderr
    result = json.loads(job.stdout)
    assert (result["job"], result["attempts"], result["exit_code"]) == ("enriched", 1, 0)
    assert result["summary"]["captures"] == 6
    found = until(lambda: head.figures("ray_lostfound_enriched_captures_total"))
    assert sum(found.values()) == 6
    assert {dict(labels)["node"] for labels in found} == {socket.gethostname()}
    for name, labels in OF_RAY.items():
        found = until(lambda name=name: head.figures(name))  # type: ignore[misc]
        assert labels <= dict(next(iter(found))).keys()
    listed = json.loads((head.folder / PROMETHEUS_SERVICE_DISCOVERY_FILE).read_text())
    ports = {target.rpartition(":")[2] for one in listed for target in one["targets"]}
    assert str(head.metrics_port) in ports


@pytest.mark.slow
def test_what_prometheus_sees_of_a_training(head: Head, shards: Path) -> None:
    """While it runs: a figure of a worker ends with it."""
    words = [*TINY, "epochs=400", "best_by=loss", "validate_every=1"]
    paths = ("--shards", str(shards), "--out", str(head.folder / "runs"))
    with waiting(head, "--id", "trained", "train", "demo", *words, "--workers", "1", *paths):
        found = {
            name: until(lambda name=name: head.figures(f"ray_lostfound_{name}"))  # type: ignore[misc]
            for name in ("training_epoch", "training_images_per_second", "training_loss",
                         "validation_loss")
        }  # fmt: skip
        assert head.ray("job", "stop", "--address", head.address, "trained").returncode == 0
    (run,) = (path.name for path in (head.folder / "runs").iterdir())
    assert {dict(labels)["run"] for one in found.values() for labels in one} == {run}
    assert {dict(labels)["head"] for labels in found["training_loss"]} == {"country", "coordinates"}
    assert all(value > 0 for one in found.values() for value in one.values())


def test_no_cluster_there(head: Head) -> None:
    job = head.submit("--address", "http://127.0.0.1:9", "verify", "/nowhere")
    assert job.returncode == 75
    assert job.stderr.startswith("lostfound: http://127.0.0.1:9: no job server answers")


@pytest.mark.slow
def test_ctrl_c_leaves_it_running_and_a_killed_driver_begins_again(head: Head, game: str) -> None:
    words = crawl(head, game, "night", games=12)
    with waiting(head, *words) as first:
        until(lambda: head.job("night").get("status") == "RUNNING")
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "night: still runs; the same command with --id night follows it again" in said
    assert head.job("night")["status"] == "RUNNING"
    with waiting(head, *words) as second:
        driver = until(lambda: head.job("night").get("driver_info"))["pid"]
        until((head.folder / "night" / "raw" / "geoguessr" / "stats.jsonl").exists)
        os.kill(int(driver), signal.SIGKILL)
        out, said = second.communicate(timeout=240)
    assert second.returncode == 0, said
    assert "night: runs already; following it" in said
    assert "night: its driver died" in said
    result = json.loads(out)
    assert (result["job"], result["attempts"], result["status"]) == ("night-2", 2, "succeeded")
    assert result["summary"]["captures"] == 12 * 5
    again = head.submit(*words)
    assert "night-2: is done already" in again.stderr
    assert json.loads(again.stdout)["summary"] == result["summary"]


@pytest.mark.slow
def test_a_job_that_somebody_stops(head: Head, game: str) -> None:
    with waiting(head, *crawl(head, game, "day", games=2000)) as job:
        until((head.folder / "day" / "raw" / "geoguessr" / "stats.jsonl").exists)
        ended = head.ray("job", "stop", "--address", head.address, "day")
        assert ended.returncode == 0, ended.stderr
        out, said = job.communicate(timeout=120)
    assert job.returncode == 143, said
    assert json.loads(out)["status"] == "stopped"
    # It had the time to end as after Ctrl-C.
    lines = (head.folder / "day" / "raw" / "geoguessr" / "stats.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["running"] is False


@pytest.mark.slow
def test_secrets_of_the_nodes_stand_in_no_description_and_no_log(head: Head) -> None:
    job = head.submit("--id", "secret", "crawl", "mapillary", "--out", str(head.folder / "maps"))
    assert SECRET not in job.stdout + job.stderr
    assert SECRET not in json.dumps(head.job("secret"))
    logs = (head.folder / "session_latest" / "logs").rglob("*")
    assert not [path for path in logs if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_cluster_that_is_gone_while_one_waits(game: str) -> None:
    with ray_head() as lost:
        words = ("--patience", "5", *crawl(lost, game, "lost", games=2000))
        with waiting(lost, *words) as job:
            until(lambda: lost.job("lost").get("status") == "RUNNING")
            lost.end()
            _, said = job.communicate(timeout=120)
    assert job.returncode == 75, said
    assert "lost may still run: the same --id follows it again" in said


@pytest.mark.slow
def test_what_prometheus_sees_of_a_crawl(head: Head, game: str) -> None:
    with waiting(head, *crawl(head, game, "seen", games=8)) as job:
        # A gauge is there as long as its driver.
        tasks = until(lambda: head.figures("ray_lostfound_tasks"))
        states = {dict(labels)["state"] for labels in tasks}
        assert states == {"pending", "leased", "done", "failed"}
        _, said = job.communicate(timeout=300)
    assert job.returncode == 0, said
    for name, least in (
        ("captures", 20),
        ("received_bytes", 1),
        ("segments_sealed", 1),
        ("pictures_looked_at", 1),
    ):
        assert sum(head.figures(f"ray_lostfound_{name}_total").values()) >= least, name
