"""Runs at an address: what stands there at any instant is a run that goes on to the same end."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shards.errors import StorageError
from shards.local_state import STATE_VARIABLE, local_state
from shards.remote import Remote
from tests.stores import memory, s3
from tests.training.conftest import tiny_config
from training.deploy.argument import located
from training.fit.rundir import RunDirectory
from training.fit.state import RunState
from training.job.runs import IN_ORDER, open_runs
from training.job.train import run_training
from training.model.modelfile import MODEL_NAME, load_model

CONFIG = tiny_config("epochs=3", "best_by=loss", "job.checkpoint_seconds=0")


@pytest.fixture(scope="module")
def complete(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run in a folder."""
    return Path(run_training(CONFIG, shards, tmp_path_factory.mktemp("runs"))["run"])


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="module")
def files(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many are sent of a run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(STATE_VARIABLE, str(tmp_path_factory.mktemp("state")))
        return train_until_dead(memory(), shards, 1000)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as address:
        yield f"{address}/world/runs"


def train_at(address: str, shards: Path) -> dict[str, Any]:
    with open_runs(address) as runs:
        return run_training(CONFIG, shards, runs)


def check(address: str, complete: Path, folder: Path) -> None:
    """The address has the run, whole, as if nothing had happened."""
    with open_runs(address) as runs:
        assert runs.remote is not None
        for name in IN_ORDER:
            assert runs.remote.exists(f"{complete.name}/{name}") == (complete / name).is_file(), (
                name
            )
        model = runs.remote.read(f"{complete.name}/{MODEL_NAME}")
        assert model == (complete / MODEL_NAME).read_bytes()
        shutil.rmtree(folder, ignore_errors=True)
        rows = runs.open(complete.name).rows()
    assert [row["epoch"] for row in rows] == [0, 1, 2]


def test_a_run_at_an_address_has_the_same_bytes_and_is_left_as_it_is(
    state: Path, bucket: str, shards: Path, complete: Path
) -> None:
    train_at(bucket, shards)
    check(bucket, complete, state)
    shutil.rmtree(state)
    said: list[str] = []
    with open_runs(bucket) as runs:
        run_training(CONFIG, shards, runs, say=said.append)
        assert str(runs) == bucket
    assert said[0].startswith(f"run {bucket}/{complete.name}\n")
    assert said[-1] == "this run is complete: nothing to train"
    model = located(f"{bucket}/{complete.name}")
    assert load_model(model).description == load_model(complete / MODEL_NAME).description


def interrupted(address: str, shards: Path, epoch: int) -> None:
    """Trains, until Ctrl-C after the work of an epoch."""
    add_row = RunDirectory.add_row

    def add_or_stop(directory: RunDirectory, row: dict[str, Any]) -> None:
        if row["epoch"] == epoch:
            raise KeyboardInterrupt
        add_row(directory, row)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RunDirectory, "add_row", add_or_stop)
        with pytest.raises(KeyboardInterrupt):
            train_at(address, shards)


def test_a_run_goes_on_where_its_folder_is_gone(
    state: Path, shards: Path, complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = memory()
    interrupted(address, shards, 2)
    shutil.rmtree(state)
    steps = count_steps(monkeypatch)
    train_at(address, shards)
    assert steps == [2]
    check(address, complete, state)


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that are trained from now on."""
    seen: list[int] = []
    add_row = RunDirectory.add_row

    def add(directory: RunDirectory, row: dict[str, Any]) -> None:
        seen.append(row["epoch"])
        add_row(directory, row)

    monkeypatch.setattr(RunDirectory, "add_row", add)
    return seen


def test_what_has_not_changed_is_not_touched(
    state: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_runs(memory()) as runs:
        run_training(CONFIG, shards, runs)
        runs.send()
        (folder,) = runs.here.iterdir()
        before = folder.stat().st_mtime_ns
        monkeypatch.setattr(Remote, "put", None)
        runs.send()
        assert folder.stat().st_mtime_ns == before


def train_until_dead(address: str, shards: Path, puts: int) -> int:
    """Sends after every checkpoint. After so many files nothing arrives any more, as after a kill.

    Returns how many were to be sent.
    """
    put, save, tried = Remote.put, RunState.save_when_due, 0

    def put_while_alive(remote: Remote, local: Path, name: str) -> None:
        nonlocal tried
        tried += 1
        if tried <= puts:
            put(remote, local, name)

    with pytest.MonkeyPatch.context() as patched, open_runs(address) as runs:

        def save_and_send(state: RunState) -> None:
            save(state)
            runs.send()

        patched.setattr(Remote, "put", put_while_alive)
        patched.setattr(RunState, "save_when_due", save_and_send)
        run_training(CONFIG, shards, runs)
        runs.send()
    return tried


@pytest.mark.parametrize("left", [1, 2, 3, 4, 8, 11])
def test_a_death_at_any_file_that_is_sent_leaves_a_run_that_goes_on(
    state: Path, shards: Path, complete: Path, files: int, left: int
) -> None:
    address = memory()
    train_until_dead(address, shards, files - left)
    shutil.rmtree(state)
    train_at(address, shards)
    check(address, complete, state)


def test_the_run_that_went_further_counts(
    state: Path, shards: Path, complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine trained two epochs, this one has the state after one."""
    address = memory()
    for epoch, folder in ((1, state / "older"), (2, state / "other")):
        monkeypatch.setenv(STATE_VARIABLE, str(folder))
        interrupted(address, shards, epoch)
    monkeypatch.setenv(STATE_VARIABLE, str(state / "older"))
    assert len(RunDirectory(local_state(address) / complete.name).rows()) == 1
    steps = count_steps(monkeypatch)
    train_at(address, shards)
    assert steps == [2]
    check(address, complete, state)


def test_a_storage_that_is_away_does_not_stop_the_run_but_is_an_error_at_its_end(
    state: Path, shards: Path, complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = memory()

    def away(remote: Remote, local: Path, name: str) -> None:
        raise StorageError(f"{remote.url}/{name}: away")

    with monkeypatch.context() as patched:
        patched.setattr(Remote, "put", away)
        with pytest.raises(StorageError, match=r"config\.json: away"):
            train_at(address, shards)
    assert (local_state(address) / complete.name / MODEL_NAME).is_file()
    steps = count_steps(monkeypatch)
    train_at(address, shards)
    assert steps == []
    check(address, complete, state)
