"""The three rules on rows made by hand."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from enrich.duplicates import CaptureCounts, count_captures, find_duplicates
from shards.layout import DatasetLayout
from shards.schema import DUPLICATES_SCHEMA, METADATA_SCHEMA


def row(key: str, sha256: str, lat: float | None = None, **values: Any) -> dict[str, Any]:
    position = {"lat": lat, "lon": None if lat is None else 1.0}
    return (
        {"key": key, "sha256": sha256, "status": "kept", "country_code": "SE"} | position | values
    )


def written(root: Path, parts: list[list[dict[str, Any]]]) -> DatasetLayout:
    layout = DatasetLayout(root)
    for number, rows in enumerate(parts):
        path = layout.enriched / "test" / f"w-{number:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        segment = f"raw/test/w-{number:06d}.tar"
        numbered = [
            {"raw_segment": segment, "raw_offset": 512 * place, "view": 0} | one
            for place, one in enumerate(rows)
        ]
        pq.write_table(pa.Table.from_pylist(numbered, METADATA_SCHEMA), path)
    return layout


def found(layout: DatasetLayout) -> list[tuple[str, str, str]]:
    find_duplicates(layout)
    table = pq.read_table(layout.duplicates)
    assert table.schema.names == DUPLICATES_SCHEMA.names
    assert table.schema.types == DUPLICATES_SCHEMA.types
    return sorted((r["key"], r["reason"], r["duplicate_of"]) for r in table.to_pylist())


PARTS = [
    [
        row("a", "1", 10.0),
        row("b", "1", 20.0),  # the bytes of a
        row("c", "2", 10.0),  # the place of a
        row("d", "3", 30.0),
        row("d", "4", 40.0),  # the key of d, in the same segment
        row("e", "5", None),
        row("f", "6", None),  # no position is not a place
        row("g", "7", 50.0, status="rejected", reason="blurry"),
    ],
    [
        row("d", "3", 30.0),  # key and bytes of d: one reason only
        row("a2", "2", 60.0),  # smaller than c, so c is the duplicate of its bytes
        row("h", "8", 50.0),  # the place of a rejected row is free
        row("i", "9", -0.0),
        row("j", "10", 0.0),  # equal numbers
    ],
]
EXPECTED = [
    ("b", "duplicate_bytes", "a"),
    ("c", "duplicate_bytes", "a2"),
    ("d", "duplicate_key", "d"),
    ("d", "duplicate_key", "d"),
    ("j", "duplicate_position", "i"),
]


def test_the_rules(tmp_path: Path) -> None:
    layout = written(tmp_path, PARTS)
    assert found(layout) == EXPECTED
    counts = {"blurry": 1, "duplicate_bytes": 2, "duplicate_key": 2, "duplicate_position": 1}
    assert count_captures(layout) == CaptureCounts(13, 13, 7, counts, 1)


def test_of_one_key_the_smallest_bytes_stay(tmp_path: Path) -> None:
    find_duplicates(layout := written(tmp_path, PARTS))
    rejected = pq.read_table(layout.duplicates).to_pylist()
    places = [(r["raw_segment"][-10:], r["raw_offset"]) for r in rejected if r["key"] == "d"]
    assert places == [("000000.tar", 4 * 512), ("000001.tar", 0)]


def test_duplicates_point_at_what_stays(tmp_path: Path) -> None:
    # c has the bytes of b, and b the place of a: both lead to a.
    parts = [[row("a", "1", 10.0), row("b", "2", 10.0), row("c", "2", 20.0)]]
    assert found(written(tmp_path, parts)) == [
        ("b", "duplicate_position", "a"),
        ("c", "duplicate_bytes", "a"),
    ]


def test_the_order_of_rows_and_parts_does_not_matter(tmp_path: Path) -> None:
    shuffler = random.Random(0)
    layouts = []
    for number in range(3):
        parts = [list(part) for part in PARTS]
        for place, part in enumerate(parts):
            for offset, one in enumerate(part):
                part[offset] = {"raw_segment": f"s{place}", "raw_offset": offset, "view": 0} | one
            shuffler.shuffle(part)
        shuffler.shuffle(parts)
        layouts.append(written(tmp_path / str(number), parts))
        assert found(layouts[-1]) == EXPECTED
    assert len({layout.duplicates.read_bytes() for layout in layouts}) == 1


def test_no_duplicates_is_an_empty_file(tmp_path: Path) -> None:
    layout = written(tmp_path, [[row("a", "1", 1.0)]])
    assert found(layout) == []
    assert count_captures(layout) == CaptureCounts(1, 1, 1, {}, 1)
