"""One function over many items gives the same results here and on Ray."""

import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from shards.errors import StorageError, WorkError
from shards.fanout import cores_here, default_workers, fan_out


def square(number: int) -> int:
    return number * number


def power(exponent: int, number: int) -> int:
    return int(number**exponent)


def fail_on_three(number: int) -> int:
    if number == 3:
        raise WorkError("three: no")
    return number


TOLD = """
import time
import ray
from ray._private.utils import publish_error_to_driver
from shards.console import print_summary
from shards.fanout import ensure_ray

for _ in range(2):
    ensure_ray()
    time.sleep(1)  # until Ray listens
    publish_error_to_driver("died", "a machine died", ray._private.worker.global_worker.gcs_client)
    time.sleep(2)
    ray.shutdown()
print_summary("done", {"samples": 1}, as_json=True)
"""


def test_what_ray_tells_of_its_machines_is_not_in_the_result() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-c", TOLD], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"samples": 1}
    assert done.stderr.count("a machine died") == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once(ray_cluster: None, workers: int) -> None:
    assert sorted(fan_out(square, range(7), workers=workers)) == [n * n for n in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_partial_function(ray_cluster: None, workers: int) -> None:
    assert sorted(fan_out(partial(power, 2), range(4), workers=workers)) == [0, 1, 4, 9]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_itself(ray_cluster: None, workers: int) -> None:
    with pytest.raises(WorkError, match="three: no"):
        list(fan_out(fail_on_three, range(6), workers=workers))


def test_items_are_taken_only_as_workers_get_free(ray_cluster: None) -> None:
    taken = []

    def items() -> object:
        for number in range(20):
            taken.append(number)
            yield number

    results = fan_out(square, items(), workers=2)  # type: ignore[arg-type]
    next(results)
    assert len(taken) <= 3
    results.close()  # type: ignore[attr-defined]


def test_no_items(ray_cluster: None) -> None:
    assert list(fan_out(square, [], workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_says_which_machine_did_it(ray_cluster: None, workers: int) -> None:
    nodes: list[str] = []
    assert len(list(fan_out(square, range(3), workers=workers, on_node=nodes.append))) == 3
    assert nodes == [socket.gethostname()] * 3


def fail_on_storage(folder: Path, often: int, number: int) -> int:
    """So often, as a machine does that is cut off."""
    with open(folder / str(number), "a") as file:
        file.write("x")
    if (folder / str(number)).stat().st_size <= often:
        raise StorageError("s3://bucket: no connection")
    return number


def test_what_fails_on_a_storage_is_done_once_more_on_several_machines(
    ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.fanout.has_several_machines", lambda: True)
    done = fan_out(partial(fail_on_storage, tmp_path, 1), range(4), workers=2)
    assert sorted(done) == [0, 1, 2, 3]
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {2}
    with pytest.raises(StorageError, match="no connection"):
        list(fan_out(partial(fail_on_storage, tmp_path, 4), range(1), workers=2))
    assert (tmp_path / "0").stat().st_size == 4


def test_what_fails_on_a_storage_fails_at_once_on_one_machine(
    ray_cluster: None, tmp_path: Path
) -> None:
    with pytest.raises(StorageError):
        list(fan_out(partial(fail_on_storage, tmp_path, 1), range(1), workers=2))


def test_workers_by_default(ray_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that are there count, those that would be started do not."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert default_workers() == cores_here()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    there = {"CPU": 1000.0, "max_CPU": 5000.0}
    monkeypatch.setattr("ray.cluster_resources", lambda: there)
    assert default_workers() == 1000
    there["CPU"] = 0.0
    assert default_workers() == cores_here()
