"""`takedown` behind an address: what a directory gets, wherever it is stopped on the way."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lostfound import main
from queries.takedown import takedown
from shards.build import BuildOptions, build_shards
from shards.denyfile import add_rules
from shards.denylist import Kind, Rule
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.remote import Remote
from shards.store import open_store
from shards.verify import verify_shards
from tests.shards.datasets import make_dataset, metadata_row, write_selection
from tests.stores import BUCKET, fill, hashes, memory, s3

GONE = "file-000007"
STAMPED = {"denylist.csv", "catalog/tombstones.parquet"}
"""They have the time."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as address:
        yield address


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a selection of which a set was built, and one that was changed since."""
    free = {"license": "CC-BY-4.0", "attribution": "Somebody free"}
    rows = [metadata_row(n, **(free if n % 3 == 0 else {})) for n in range(24)]
    layout = make_dataset(tmp_path_factory.mktemp("made") / "data", rows)
    write_selection(layout, "few", rows[::-2])
    for name in ("main", "few"):
        build_shards(layout, name, BuildOptions(shard_bytes=60_000))
    write_selection(layout, "few", rows[:9])
    return layout.root


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


def plain(where: str | Path) -> dict[str, str]:
    return {name: sha for name, sha in hashes(where).items() if name not in STAMPED}


def holding(where: str, key: str) -> list[str]:
    """Files of shard sets, finished or not, in which a key can be read."""
    store = open_store(f"{where}/shards")
    with store.at_hand(name for name, _ in store.tree()) as folder:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [str(one) for one in files if key.encode() in one.read_bytes()]


def leave_unfinished(where: str | Path) -> None:
    """A build that was interrupted, of a set that does not stand there yet."""
    with open_store(where).writing("shards/.tmp-other/data/train-000000.tar") as path:
        path.write_bytes(GONE.encode())


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    return int(stop.value.code or 0)


def test_the_bytes_of_a_directory(
    here: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = f"{bucket}/bytes/data"
    fill(there, here)
    answers = []
    for where in (str(here), there):
        leave_unfinished(where)
        assert run("takedown", where, GONE, "--workers", "1", "--json") == 0
        answers.append(json.loads(capsys.readouterr().out.replace(where, "DATASET")))
    assert answers[0] == answers[1]
    assert answers[0]["removed"] == [GONE]
    assert {one["path"] for one in answers[0]["shard_sets"]} == {
        "DATASET/shards/few-share-alike",
        "DATASET/shards/main-share-alike",
    }
    assert plain(there) == plain(here)
    assert {Path(one).name for one in holding(there, GONE)} <= {"manifest.json"}
    assert not [name for name, _ in open_store(there).tree() if ".tmp-" in name]
    assert verify_shards(f"{there}/shards/main-share-alike").defects == []


class Killed(BaseException):
    """No handler of errors stops it."""


CHANGES = ("put", "copy", "remove")


def die_at(patch: pytest.MonkeyPatch, last: int) -> list[str]:
    """From its `last`-th change on the storage is out of reach of this process: it is dead."""
    done: list[str] = []

    def dying(change: Any) -> Any:
        def changed(remote: Remote, *arguments: Any) -> None:
            done.append(str(arguments[-1]))
            if len(done) > last:
                raise Killed
            change(remote, *arguments)

        return changed

    for name in CHANGES:
        patch.setattr(Remote, name, dying(getattr(Remote, name)))
    return done


def check_stopped_at(moment: int, here: Path, expected: dict[str, str]) -> bool:
    """Whether a takedown that is stopped there was not over yet; then goes on with it."""
    there = f"{memory()}/data"
    fill(there, here)
    leave_unfinished(there)
    with pytest.MonkeyPatch.context() as patch:
        die_at(patch, moment)
        try:
            takedown(there, [GONE])
        except Killed:
            stopped = True
        else:
            stopped = False
    for name in open_store(f"{there}/shards").sizes():
        folder, _, file = name.partition("/")
        if file == "manifest.json" and not folder.startswith("."):
            assert verify_shards(f"{there}/shards/{folder}").defects == []
    takedown(there, [GONE])
    assert plain(there) == expected
    assert {Path(one).name for one in holding(there, GONE)} <= {"manifest.json"}
    assert not [name for name, _ in open_store(there).tree() if ".tmp-" in name]
    return stopped


@pytest.fixture
def expected(here: Path, tmp_path: Path) -> dict[str, str]:
    whole = Path(shutil.copytree(here, tmp_path / "whole" / "data"))
    takedown(whole, [GONE])
    return plain(whole)


@pytest.mark.parametrize("moment", [pytest.param(2, marks=pytest.mark.slow), 30])
def test_stopped_it_goes_on(here: Path, expected: dict[str, str], moment: int) -> None:
    assert check_stopped_at(moment, here, expected)


@pytest.mark.slow
def test_stopped_before_any_change_it_goes_on(here: Path, expected: dict[str, str]) -> None:
    moment = 0
    while check_stopped_at(moment, here, expected):
        moment += 3
    assert moment > 120


def test_a_key_that_is_denied_already_and_one_that_is_nowhere(here: Path) -> None:
    add_rules(DatasetLayout(here), [Rule(Kind.KEY, GONE, "", "", "2026-01-01")])
    there = f"{memory()}/data"
    fill(there, here)
    before = hashes(there)
    with pytest.raises(UsageError, match="no capture has this"):
        takedown(there, ["file-123456"])
    assert takedown(there, [GONE], dry_run=True).removed == [GONE]
    assert hashes(there) == before
    done = takedown(there, [GONE])
    assert (done.removed, done.rules) == ([GONE], 0)
    after = hashes(there)
    again = takedown(f"{there}/shards/main", [GONE])
    assert (again.removed, again.rules, again.shard_sets) == ([], 0, [])
    assert hashes(there) == after
    assert holding(there, GONE) != []  # the manifests name it, and nothing else does
    assert {Path(one).name for one in holding(there, GONE)} == {"manifest.json"}


def test_a_shard_set_alone(here: Path, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3").put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )
    alone = here / "shards" / "main-share-alike"
    shutil.move(alone, here.parent / "alone")
    there = f"{bucket}/single/alone"
    fill(there, here.parent / "alone")
    capsys.readouterr()
    assert run("takedown", there, GONE, "--workers", "1") == 0
    assert "keeps earlier versions of files" in " ".join(capsys.readouterr().err.split())
    takedown(here.parent / "alone", [GONE])
    assert hashes(there) == hashes(here.parent / "alone")
    takedown(there, [], "true")
    assert hashes(f"{bucket}/single") == {}
    nowhere = memory()
    fill(nowhere, here.parent / "alone")
    with pytest.raises(UsageError, match="needs room beside"):
        takedown(nowhere, [GONE])
