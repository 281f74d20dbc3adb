"""`takedown` of a dataset: rules, tombstones, and each shard set that holds the samples."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from queries.takedown import takedown
from queries.views.catalogue import connect
from shards.build import BuildOptions, build_shards
from shards.denyfile import load_denylist
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.manifest import load_manifest
from shards.verify import verify_shards
from tests.shards.datasets import make_dataset, metadata_row, snapshot, write_selection

LIMIT = BuildOptions(shard_bytes=60_000)
GONE = "file-000007"
Run = Callable[..., tuple[int, str, str]]


def rows() -> list[dict[str, object]]:
    free = {"license": "CC-BY-4.0", "attribution": "Somebody free"}
    return [metadata_row(n, **(free if n % 3 == 0 else {})) for n in range(48)]


@pytest.fixture
def layout(tmp_path: Path) -> DatasetLayout:
    """Two selections: `main` mixes licences, `few` has every other sample."""
    all_rows = rows()
    layout = make_dataset(tmp_path / "data", all_rows)
    write_selection(layout, "few", all_rows[::2])
    for name in ("main", "few"):
        build_shards(layout, name, LIMIT)
    return layout


def sets(layout: DatasetLayout) -> dict[str, dict[str, bytes]]:
    return {path.name: snapshot(path) for path in sorted((layout.root / "shards").iterdir())}


def as_built(layout: DatasetLayout, root: Path) -> dict[str, dict[str, bytes]]:
    """The shard sets of a copy of the dataset, all built from nothing."""
    shutil.copytree(layout.root, root, ignore=shutil.ignore_patterns("shards"))
    for name in ("main", "few"):
        build_shards(DatasetLayout(root), name, LIMIT)
    return sets(DatasetLayout(root))


def holds(layout: DatasetLayout, key: str) -> list[str]:
    return [
        f"{name}/{file}"
        for name, files in sets(layout).items()
        for file, data in files.items()
        if key.encode() in data and not file.endswith("manifest.json")
    ]


def test_what_is_left_is_what_a_build_writes(layout: DatasetLayout, tmp_path: Path) -> None:
    before = sets(layout)
    done = takedown(layout.root, [GONE, "file-000010"], reason="asked by mail")
    assert done.removed == ["file-000007", "file-000010"]
    assert done.rules == 2
    assert {Path(one.path).name: one.removed for one in done.shard_sets} == {
        "few-share-alike": 1,
        "main-share-alike": 2,
    }
    assert [Path(path).name for path in done.publish_again] == [
        "few-share-alike",
        "main-share-alike",
    ]
    after = sets(layout)
    fresh = as_built(layout, tmp_path / "fresh")
    for name in ("few-share-alike", "main-share-alike", "main"):
        assert after[name] == fresh[name], name
    unchanged = [f for f in before["main-share-alike"] if f in after["main-share-alike"]]
    same = sum(before["main-share-alike"][f] == after["main-share-alike"][f] for f in unchanged)
    assert same >= len(unchanged) // 2
    assert holds(layout, GONE) == []
    for name in after:
        assert verify_shards(layout.shards(name)).defects == []
    assert load_manifest(layout.shards("main-share-alike")).opted_out == done.removed
    assert [rule.reason for rule in load_denylist(layout).rules] == ["asked by mail"] * 2


def test_the_catalogue_says_why(layout: DatasetLayout) -> None:
    takedown(layout.root, [GONE])
    with connect(layout) as connection:
        found = connection.execute(
            "SELECT status, reason FROM captures WHERE key = $k", {"k": GONE}
        )
        assert found.fetchall() == [("rejected", "opted_out")]


def test_again_changes_nothing(layout: DatasetLayout) -> None:
    takedown(layout.root, [GONE])
    before = snapshot(layout.root)
    done = takedown(layout.root, [GONE])
    assert (done.removed, done.rules, done.shard_sets) == ([], 0, [])
    assert snapshot(layout.root) == before


def test_dry_run_changes_nothing(layout: DatasetLayout) -> None:
    before = snapshot(layout.root)
    done = takedown(layout.root, [GONE], "country_code = 'SE' AND phash < 4", dry_run=True)
    assert done.removed == ["file-000000", "file-000003", "file-000007"]
    assert {Path(one.path).name for one in done.shard_sets} == {
        "few",
        "main",
        "main-share-alike",
    }
    assert snapshot(layout.root) == before


def test_by_condition_hash_and_address(layout: DatasetLayout) -> None:
    digest = str(rows()[5]["sha256"])
    done = takedown(layout.root, [digest], "group_id = 'group-0' AND lat > 50")
    assert done.removed == ["file-000000", "file-000001", "file-000003", "file-000005"]


@pytest.mark.parametrize(
    ("names", "where", "message"),
    [
        ([], "", "name what must go"),
        (["file-123456"], "", "no capture has this"),
        (["a.b"], "", "give a sample's key"),
        ([], "contry_code = 'SE'", "country_code"),
        ([], "true; DROP TABLE x", "SQL"),
        (["https://example.org/none"], "", "no capture"),
    ],
)
def test_wrong_usage(layout: DatasetLayout, names: list[str], where: str, message: str) -> None:
    before = snapshot(layout.root)
    with pytest.raises(UsageError, match=message):
        takedown(layout.root, names, where)
    assert snapshot(layout.root) == before


def test_a_shard_directory_of_a_dataset_stands_for_it(layout: DatasetLayout) -> None:
    takedown(layout.shards("main"), [GONE])
    assert holds(layout, GONE) == []
    assert layout.tombstones.is_file()
    build_shards(layout, "main", LIMIT)
    assert holds(layout, GONE) == []


def test_a_shard_directory_alone(layout: DatasetLayout, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere"
    shutil.copytree(layout.shards("main-share-alike"), alone)
    done = takedown(alone, [GONE])
    assert done.removed == [GONE]
    assert verify_shards(alone).defects == []
    assert load_manifest(alone).opted_out == [GONE]


def test_a_selection_that_was_made_anew_since(layout: DatasetLayout) -> None:
    """The shard set keeps what it had, but for what must go."""
    before = load_manifest(layout.shards("few-share-alike"))
    write_selection(layout, "few", rows()[:20])
    takedown(layout.root, ["file-000010"])
    after = load_manifest(layout.shards("few-share-alike"))
    assert after.samples == before.samples - 1
    assert after.selection == before.selection
    assert verify_shards(layout.shards("few-share-alike")).defects == []


def test_parts_that_are_gone(layout: DatasetLayout) -> None:
    """Old parts may be archived: the shard sets still lose the sample, from their own tars."""
    tar = next(layout.enriched.glob("*/*.tar"))
    tar.unlink()
    with pytest.raises(WorkError, match="the shard sets are rewritten"):
        takedown(layout.root, [GONE])
    assert holds(layout, GONE) == []
    assert verify_shards(layout.shards("main-share-alike")).defects == []


def test_nothing_is_left(layout: DatasetLayout) -> None:
    takedown(layout.root, [], "true")
    assert sets(layout) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_point(layout: DatasetLayout, tmp_path: Path, seed: int) -> None:
    code = "from lostfound import main; main()"
    options = ["takedown", str(layout.root), GONE, "file-000010", "--workers", "1"]
    whole = tmp_path / "whole"
    shutil.copytree(layout.root, whole)
    takedown(whole, options[2:4])
    expected = sets(DatasetLayout(whole))
    pause = random.Random(seed).uniform(0.8, 3)
    process = subprocess.Popen([sys.executable, "-c", code, *options])
    try:
        process.wait(pause)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for path in (layout.root / "shards").glob("[!.]*"):
        if (path / "manifest.json").is_file():
            assert verify_shards(path).defects == []
    takedown(layout.root, options[2:4])
    assert sets(layout) == expected


def test_the_command(layout: DatasetLayout, capsys: pytest.CaptureFixture[str]) -> None:
    from lostfound import main

    arguments = ["takedown", str(layout.root), GONE, "--workers", "1"]
    with pytest.raises(SystemExit):
        main([*arguments, "--dry-run"])
    assert GONE in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--json"])
    assert not stop.value.code
    summary = json.loads(capsys.readouterr().out)
    assert summary["removed"] == [GONE]
    assert summary["publish_again"] == [str(layout.shards("main-share-alike"))]


def test_duckdb_reads_what_is_left(layout: DatasetLayout) -> None:
    takedown(layout.root, [GONE])
    files = str(layout.shards("main-share-alike") / "metadata" / "*.parquet")
    [(count,)] = duckdb.sql(f"SELECT count(*) FROM '{files}' WHERE key = '{GONE}'").fetchall()
    assert count == 0
