"""The same selection gives the same bytes: after every death, on every machine, in a fair order."""

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from shards import rows as rows_module
from shards.build import BuildOptions, build_shards
from shards.database import connect
from shards.layout import DatasetLayout
from shards.verify import verify_shards
from tests.shards.crash import OPTIONS
from tests.shards.datasets import make_dataset, metadata_row, snapshot, write_selection

ROOT = Path(__file__).parents[2]
ROWS = [metadata_row(number) for number in range(40)]
EARLIER = ROWS[5:30]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    layout = make_dataset(tmp_path_factory.mktemp("expected"), ROWS)
    build_shards(layout, "main", OPTIONS)
    return snapshot(layout.shards("main"))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose shards are those of an earlier selection."""
    layout = make_dataset(tmp_path_factory.mktemp("before"), ROWS)
    write_selection(layout, "main", EARLIER)
    build_shards(layout, "main", OPTIONS)
    write_selection(layout, "main", ROWS)
    return layout.root


def build_apart(root: Path, moment: int = 0, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.shards.crash", str(root), str(moment)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def check_after_death(layout: DatasetLayout, expected: dict[str, bytes]) -> None:
    """Whoever finds a manifest may rely on it, and the next build ends as if nothing had been."""
    if (layout.shards("main") / "manifest.json").exists():
        assert verify_shards(layout.shards("main"), workers=1).defects == []
    build_shards(layout, "main", OPTIONS)
    assert snapshot(layout.shards("main")) == expected
    assert [path.name for path in (layout.root / "shards").iterdir()] == ["main"]


def moments(before: Path, folder: Path) -> int:
    shutil.copytree(before, folder / "counted")
    process = build_apart(folder / "counted")
    return int(process.communicate()[0])


def die_at(moment: int, before: Path, folder: Path, expected: dict[str, bytes]) -> None:
    root = folder / f"died-{moment}"
    shutil.copytree(before, root)
    process = build_apart(root, moment)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    check_after_death(DatasetLayout(root), expected)
    shutil.rmtree(root)


def test_a_build_that_dies_is_continued(
    before: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    last = moments(before, tmp_path)
    # In a shard, before the manifest goes, between the files' moves, before the manifest comes.
    for moment in (7, last - 48, last - 20, last - 7):
        die_at(moment, before, tmp_path, expected)


@pytest.mark.slow
def test_a_build_may_die_at_every_moment(
    before: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    for moment in range(1, moments(before, tmp_path) + 1):
        die_at(moment, before, tmp_path, expected)


@pytest.mark.slow
def test_a_build_may_die_at_any_time(
    before: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    draw = random.Random(0)
    start = time.monotonic()
    moments(before, tmp_path)
    usual = time.monotonic() - start
    for number in range(30):
        root = tmp_path / f"died-{number}"
        shutil.copytree(before, root)
        with build_apart(root) as process:
            time.sleep(draw.uniform(0, usual))
            process.kill()
        check_after_death(DatasetLayout(root), expected)
        shutil.rmtree(root)


@pytest.mark.parametrize("workers", [2, 8])
def test_workers(
    ray_cluster: None, tmp_path: Path, expected: dict[str, bytes], workers: int
) -> None:
    layout = make_dataset(tmp_path, ROWS)
    build_shards(layout, "main", OPTIONS, workers=workers)
    assert snapshot(layout.shards("main")) == expected


def test_another_machine(tmp_path: Path, expected: dict[str, bytes]) -> None:
    layout = make_dataset(tmp_path / "elsewhere, with a *strange* [name]", ROWS)
    for path in layout.root.rglob("*"):
        os.utime(path, (1, 1))
    habits = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "7", "LANG": "tr_TR.UTF-8"}
    umask = os.umask(0o077)
    try:
        process = build_apart(layout.root, **habits)
        process.communicate()
    finally:
        os.umask(umask)
    assert process.returncode == 0
    assert snapshot(layout.shards("main")) == expected


@pytest.mark.parametrize("threads", [1, 7])
def test_threads_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes], threads: int
) -> None:
    @contextmanager
    def with_threads(*arguments: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        with connect(*arguments) as connection:
            connection.execute(f"SET threads = {threads}")
            yield connection

    monkeypatch.setattr(rows_module, "connect", with_threads)
    monkeypatch.setattr(rows_module, "BATCH_ROWS", threads)
    layout = make_dataset(tmp_path, ROWS)
    build_shards(layout, "main", OPTIONS)
    assert snapshot(layout.shards("main")) == expected


def test_samples_are_planned_alike_together_and_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes]
) -> None:
    for bits in (0, 1, 3, 60):
        monkeypatch.setattr(rows_module, "NODE_BITS", bits)
        layout = make_dataset(tmp_path / str(bits), ROWS)
        build_shards(layout, "main", OPTIONS)
        assert snapshot(layout.shards("main")) == expected


def test_reading_in_order_is_a_fair_sample(tmp_path: Path) -> None:
    """Labels, sources and times are as mixed in the first shards as in all of them."""
    layout = make_dataset(tmp_path, [metadata_row(n, phash=n % 50) for n in range(1200)])
    build_shards(layout, "main", BuildOptions(shard_bytes=300_000, mix_licences=True))
    tables = [pq.read_table(p) for p in sorted(layout.shards("main").glob("metadata/train-*"))]
    assert len(tables) > 8
    rows = [row for table in tables for row in table.to_pylist()]
    checks = {
        "country": [row["country_code"] == "SE" for row in rows],
        "first half of the crawl": [row["key"] < "file-000600" for row in rows],
        "second part": [row["group_id"] > "group-2" for row in rows],
    }
    for name, hits in checks.items():
        share = sum(hits) / len(hits)
        for read in range(20, len(hits), 7):
            # Five standard deviations of drawing without putting back.
            left = (len(hits) - read) / (len(hits) - 1)
            bound = 5 * math.sqrt(read * share * (1 - share) * left)
            assert abs(sum(hits[:read]) - read * share) <= bound, (name, read)
