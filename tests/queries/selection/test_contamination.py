"""What another dataset has as well is not selected."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enrich.geo.sphere import EARTH_RADIUS_KM
from queries.selection.contamination import read_marks
from shards.keys import order_hash
from shards.layout import DatasetLayout
from shards.rows import load_selection
from tests.queries.conftest import HandMade, row
from tests.shards.datasets import make_dataset, metadata_row

Run = Callable[..., tuple[int, str, str]]
DEGREE_KM = EARTH_RADIUS_KM * math.pi / 180


def scattered(number: int, **changes: Any) -> dict[str, Any]:
    """A row whose hashes and place are like no other's: hashes differ in some 32 bits."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    phash = order_hash(9, str(number)) * 8 + number % 8
    place = {"lat": float(number % 40), "lon": float(number // 40)}
    return row(number, sha256=digest, phash=phash, group_id="") | place | changes


@pytest.fixture
def dataset(hand_made: HandMade) -> HandMade:
    hand_made.add_part([scattered(number) for number in range(100)])
    return hand_made


def select(lostfound: Run, dataset: HandMade, *arguments: object) -> dict[str, Any]:
    code, out, error = lostfound("select", dataset.layout.root, *arguments, "--json")
    assert code == 0, error
    return dict(json.loads(out))


def keys(dataset: HandMade) -> set[str]:
    path = dataset.layout.selection("default") / "selection.parquet"
    return set(pq.read_table(path)["key"].to_pylist())


def test_by_each_cause(dataset: HandMade, lostfound: Run, tmp_path: Path) -> None:
    other = HandMade(DatasetLayout(tmp_path / "other"))
    phash = dataset.rows[2]["phash"]
    other.add_part(
        [
            # The same bytes under another key; that it is the same place does not count again.
            scattered(500, sha256=dataset.rows[1]["sha256"], lat=1.0, lon=0.0),
            scattered(501, phash=phash ^ 0b111111),
            scattered(502, phash=dataset.rows[3]["phash"] ^ 0b1111111),
            scattered(503, lat=4 + 0.024 / DEGREE_KM, lon=0.0),
            scattered(504, lat=5 + 0.026 / DEGREE_KM, lon=0.0),
            scattered(505, status="rejected", sha256=dataset.rows[6]["sha256"]),
        ]
    )
    record = select(lostfound, dataset, "--decontaminate", other.layout.root)
    assert record["decontaminated"] == [
        {"other": str(other.layout.root), "sha256": 1, "phash": 1, "distance": 1}
    ]
    assert {dataset.rows[i]["key"] for i in range(100)} - keys(dataset) == {
        dataset.rows[i]["key"] for i in (1, 2, 4)
    }
    assert record["options"]["decontaminate_bits"] == 6
    record = select(
        lostfound,
        dataset,
        "--decontaminate",
        other.layout.root,
        "--decontaminate-bits",
        7,
        "--decontaminate-km",
        0,
    )
    assert {n: record["decontaminated"][0][n] for n in ("phash", "distance")} == {
        "phash": 2,
        "distance": 0,
    }


def test_a_shard_directory_and_a_committed_selection(
    dataset: HandMade, lostfound: Run, tmp_path: Path
) -> None:
    rows = [metadata_row(i, sha256=dataset.rows[i]["sha256"]) for i in range(10)]
    other = make_dataset(tmp_path / "other", rows)
    assert lostfound("build", other.root, "--selection", "main", "--allow-unlicensed")[0] == 0
    record = select(lostfound, dataset, "--decontaminate", other.root / "shards/main")
    assert record["decontaminated"][0]["sha256"] == 10
    # What is published names it, not where it stood.
    assert record["options"]["decontaminate"] == [str(other.root / "shards/main")]
    assert load_selection(dataset.layout, "default").entry.options["decontaminate"] == ["main"]
    assert lostfound("select", other.root, "--name", "benchmark", "--limit", 4)[0] == 0
    committed = other.selection("benchmark") / "selection.parquet"
    record = select(lostfound, dataset, "--decontaminate", committed)
    assert record["decontaminated"][0]["sha256"] == 4


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_a_benchmark(
    dataset: HandMade, lostfound: Run, tmp_path: Path, suffix: str
) -> None:
    table = tmp_path / f"it's a benchmark.{suffix}"
    values = {"IMG_ID": ["a", "b"], "LAT": [7.0, 8.0], "Longitude": [0.0001, 0.001]}
    if suffix == "csv":
        lines = [
            ",".join(values),
            *(",".join(map(str, one)) for one in zip(*values.values(), strict=True)),
        ]
        table.write_text("\n".join(lines))
    else:
        pq.write_table(pa.table(values), table)
    # 11 m and 111 m away at the equator, less up there.
    record = select(lostfound, dataset, "--decontaminate", table)
    assert record["decontaminated"][0] == {
        "other": str(table),
        "sha256": 0,
        "phash": 0,
        "distance": 1,
    }
    assert dataset.rows[7]["key"] not in keys(dataset)


def test_several(dataset: HandMade, lostfound: Run, tmp_path: Path) -> None:
    for name, numbers in (("a", (1, 2)), ("b", (2, 3))):
        lines = ["sha256", *(dataset.rows[n]["sha256"].upper() for n in numbers)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    arguments = [v for name in "ab" for v in ("--decontaminate", tmp_path / f"{name}.csv")]
    record = select(lostfound, dataset, *arguments, "--limit", 97)
    # What one has taken, the next cannot take again; and the limit is met after both.
    assert [one["sha256"] for one in record["decontaminated"]] == [2, 1]
    assert sum(record["counts"].values()) == 97
    _, out, _ = lostfound("select", dataset.layout.root, *arguments)
    assert "a.csv, sha256" in " ".join(out.split())


def test_flat_pictures_are_not_near_each_other(
    hand_made: HandMade, lostfound: Run, tmp_path: Path
) -> None:
    hand_made.add_part([scattered(1, phash=0), scattered(2)])
    (tmp_path / "flat.csv").write_text("phash\n0\n7\n")
    record = select(lostfound, hand_made, "--decontaminate", tmp_path / "flat.csv")
    assert record["decontaminated"][0]["phash"] == 0


def test_marks_of_a_dirty_table(tmp_path: Path) -> None:
    table = tmp_path / "dirty.csv"
    table.write_text("lat,lon,sha256\n91,0,xyz\n,,\nx,y,\n45,5,\n45,5,\nnan,1,\n1,inf,\n")
    marks = read_marks(str(table))
    assert marks.points.tolist() == [[45.0, 5.0]]
    assert not len(marks.content)
    assert marks.phash.dtype == np.uint64


@pytest.mark.parametrize(
    ("arguments", "expected", "words"),
    [
        (["--decontaminate", "{tmp}/nowhere"], 2, "no such folder or file"),
        (["--decontaminate", "{tmp}/names.csv"], 2, "any of sha256"),
        (["--decontaminate", "{tmp}/broken.parquet"], 2, "broken.parquet"),
        (["--decontaminate", "{root}"], 1, "no sample is left"),
        (["--decontaminate-bits", "3"], 2, "--decontaminate"),
        (["--decontaminate", "{root}", "--decontaminate-bits", "13"], 2, "--decontaminate-bits"),
        (["--decontaminate", "{root}", "--decontaminate-km", "-1"], 2, "--decontaminate-km"),
    ],
)
def test_failures_are_one_line(
    dataset: HandMade,
    lostfound: Run,
    tmp_path: Path,
    arguments: list[str],
    expected: int,
    words: str,
) -> None:
    (tmp_path / "names.csv").write_text("name\nx\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    values = {"tmp": tmp_path, "root": dataset.layout.root}
    arguments = [argument.format(**values) for argument in arguments]
    code, _, error = lostfound("select", dataset.layout.root, *arguments)
    assert (code, error.count("\n")) == (expected, 1), error
    assert words in error
    assert not (dataset.layout.root / "selections").exists()
