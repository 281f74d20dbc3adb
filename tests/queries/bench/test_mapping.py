"""A small run of the benchmark: same rows at every call, same answers as pandas, nothing left."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from queries.bench import mapping, rows, tasks
from queries.views.catalogue import connect
from shards.errors import WorkError
from shards.layout import DatasetLayout
from tests.queries.conftest import lostfound  # noqa: F401 - a fixture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FILES", 4)
    monkeypatch.setattr(mapping, "FILES", 4)
    monkeypatch.setattr(mapping, "GROWTH", (25, 100))


def test_rows_are_the_same_at_every_call(tmp_path: Path) -> None:
    first, second = (rows.write_dataset(tmp_path / name, 2_000) for name in "ab")
    contents = [[part.read_bytes() for part in one.parts()] for one in (first, second)]
    assert contents[0] == contents[1]
    connection = connect(first)
    [found] = connection.execute(
        """SELECT count(*), count(DISTINCT key), count(DISTINCT country_code) > 50,
            bool_and(abs(lat) <= 90), count(*) FILTER (status = 'kept') BETWEEN 1700 AND 1900
        FROM captures"""
    ).fetchall()
    assert found == (2_000, 2_000, True, True, True)


def test_the_first_files_are_a_dataset(tmp_path: Path) -> None:
    whole = rows.write_dataset(tmp_path / "whole", 400)
    part = rows.first_files(whole, tmp_path / "part", 1)
    assert count(part) == 100
    assert count(whole) == 400


def count(layout: DatasetLayout) -> int:
    files = [str(path) for path in layout.parts()]
    [(found,)] = duckdb.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchall()
    return int(found)


def test_small_run(lostfound: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    # In this process: a new one takes a second, which 13 times is long for a test.
    monkeypatch.setattr(
        mapping, "_run", lambda layout, task, size: tasks.measure(task, layout, size)
    )
    folder = tmp_path / "here"
    folder.mkdir()
    arguments = ["--rows", "20000", "--pandas-rows", "10000", "--folder", folder]
    code, out, _ = lostfound("bench", "mapping", *arguments, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["name"] == "mapping"
    assert found["ours"] > 0
    assert found["baseline"] > 0
    assert found["chosen"] == 200
    assert found["against_pandas"]["rows"] == 10_000
    assert found["growth_exponents"].keys() == {"count", "choose", "select"}
    assert not list(folder.iterdir())


def test_a_measurement_is_a_process_of_its_own(tmp_path: Path) -> None:
    layout = rows.write_dataset(tmp_path / "whole", 400)
    found = mapping._run(layout, "count_ours", 1)
    assert sum(found["pool"].values()) == pytest.approx(360, abs=40)
    assert found["peak_bytes"] < 500 << 20
    with pytest.raises(WorkError, match="map_ours failed"):
        mapping._run(DatasetLayout(tmp_path / "nothing"), "map_ours", 1)
