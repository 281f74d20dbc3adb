"""The three rules on rows made by hand."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.duplicates.levels import CaptureCounts, count_captures, find_duplicates
from enrich.duplicates.options import DuplicateOptions
from shards.layout import DatasetLayout
from shards.schema import CLUSTERS_SCHEMA, DUPLICATES_SCHEMA, METADATA_SCHEMA


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


def clusters(layout: DatasetLayout) -> dict[str, set[str]]:
    """The members of each cluster by the key of the one that stays."""
    table = pq.read_table(layout.clusters)
    assert table.schema.names == CLUSTERS_SCHEMA.names
    assert table.schema.types == CLUSTERS_SCHEMA.types
    members: dict[str, set[str]] = {}
    for row in table.to_pylist():
        members.setdefault(row["cluster"], set()).add(row["key"])
        assert row["survivor"] == (row["key"] == row["cluster"] and row["level"] is None)
    return members


def test_the_best_stays_at_every_level(tmp_path: Path) -> None:
    small = {"source_width": 640, "source_height": 480}
    large = {"source_width": 1280, "source_height": 720}
    parts = [
        [
            row("k", "1", 1.0, **small),
            row("k", "2", 2.0, **large),
            row("a", "3", 3.0, **small),
            row("b", "3", 4.0, **large),
            row("c", "4", 5.0, raw_size=10, **large),
            row("d", "5", 5.0, raw_size=20, **large),
            row("e", "6", 5.0, raw_size=99, **small),
        ]
    ]
    layout = written(tmp_path, parts)
    assert found(layout) == [
        ("a", "duplicate_bytes", "b"),
        ("c", "duplicate_position", "d"),
        ("e", "duplicate_position", "d"),
        ("k", "duplicate_key", "k"),
    ]
    [of_k] = [r for r in pq.read_table(layout.duplicates).to_pylist() if r["key"] == "k"]
    assert (of_k["raw_offset"], of_k["level"]) == (0, "key")
    assert clusters(layout) == {"b": {"a", "b"}, "d": {"c", "d", "e"}, "k": {"k"}}


def test_views_of_one_panorama_are_no_duplicates(tmp_path: Path) -> None:
    panorama = {"raw_segment": "raw/test/p.tar", "raw_offset": 512}
    again = {"raw_segment": "raw/test/p.tar", "raw_offset": 4096}
    rows = [row("p", "1", 1.0, view=view, heading=90.0 * view, **panorama) for view in range(4)]
    rows += [row("q", "1", 2.0, view=view, heading=90.0 * view, **again) for view in range(4)]
    layout = written(tmp_path, [rows])
    find_duplicates(layout, DuplicateOptions(thin_m=5, same_view_m=5))
    table = pq.read_table(layout.duplicates).to_pylist()
    assert [(r["key"], r["view"], r["duplicate_of"]) for r in table] == [
        ("q", view, "p") for view in range(4)
    ]


METRE = 360 / 40_030_230
"""Degrees of latitude, at 40,030 km round the Earth."""


def street(**values: Any) -> list[dict[str, Any]]:
    """Ten photographs of one sequence, six metres apart."""
    return [
        row(f"s{n}", f"s{n}", 50 + 6 * n * METRE, group_id="drive", **values) for n in range(10)
    ]


def test_neighbours_stay_unless_asked(tmp_path: Path) -> None:
    assert found(written(tmp_path, [street(heading=10.0)])) == []


def test_thinning_keeps_one_per_distance(tmp_path: Path) -> None:
    rows = street(source="a", heading=None)
    rows[4] |= {"raw_size": 1000}  # the best
    rows += [row("other", "o", 50.0 + METRE, group_id="walk", source="a")]
    layout = written(tmp_path, [rows])
    find_duplicates(layout, DuplicateOptions(thin_m=10))
    # The best first, then by key; s3 and s5 are 6 m from s4.
    assert clusters(layout) == {
        "s4": {"s3", "s4", "s5"},
        "s0": {"s0", "s1"},
        "s6": {"s6", "s7"},
        "s8": {"s8", "s9"},
    }
    gone = {r["key"]: r for r in pq.read_table(layout.duplicates).to_pylist()}
    assert set(gone) == {"s1", "s3", "s5", "s7", "s9"}
    assert gone["s3"]["duplicate_of"] == "s4"
    assert {(r["reason"], r["level"]) for r in gone.values()} == {("duplicate_view", "sequence")}
    assert gone["s1"]["detail"] == "6.0 m from s0, which belongs to the same sequence"


def test_the_same_direction_near_by(tmp_path: Path) -> None:
    rows = [
        row("a", "1", 50.0, heading=355.0),
        row("b", "2", 50.0 + 3 * METRE, heading=5.0),
        row("c", "3", 50.0 + 4 * METRE, heading=100.0),
        row("d", "4", 50.0 + 5 * METRE),  # looks nobody knows where
        row("e", "5", 50.0 + 20 * METRE, heading=355.0),
    ]
    layout = written(tmp_path, [rows])
    find_duplicates(layout, DuplicateOptions(same_view_m=10))
    assert clusters(layout) == {"a": {"a", "b"}}
    [gone] = pq.read_table(layout.duplicates).to_pylist()
    assert (gone["reason"], gone["level"]) == ("duplicate_view", "near")
    find_duplicates(layout, DuplicateOptions(same_view_m=10, heading_tolerance=9))
    assert clusters(layout) == {}


def test_what_a_later_level_drops_takes_its_duplicates_along(tmp_path: Path) -> None:
    rows = [
        row("a", "1", 50.0, heading=0.0),
        row("b", "2", 50.0 + 3 * METRE, heading=0.0),
        row("c", "2", 60.0, heading=0.0),  # the bytes of b
    ]
    layout = written(tmp_path, [rows])
    find_duplicates(layout, DuplicateOptions(same_view_m=10))
    assert clusters(layout) == {"a": {"a", "b", "c"}}


@given(st.data())
@settings(max_examples=8, deadline=None)
def test_conservation_and_order(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever equals what: counts add up, one of each cluster stays, in any order."""
    few = st.sampled_from("abcde")
    made = st.builds(
        lambda key, sha, lat, pixels: row(key, sha, lat, source_width=pixels, source_height=1),
        few,
        few,
        st.sampled_from([None, 1.0, 2.0, 3.0]),
        st.integers(1, 3),
    )
    rows = data.draw(st.lists(made, min_size=1, max_size=12))
    numbered = [
        {"raw_segment": f"s{number % 2}", "raw_offset": number} | one
        for number, one in enumerate(rows)
    ]
    shuffled = data.draw(st.permutations(numbered))
    root = tmp_path_factory.mktemp("order")
    one, other = (
        written(root / "one", [numbered]),
        written(root / "other", [shuffled[:4], shuffled[4:]]),
    )
    find_duplicates(one)
    find_duplicates(other)
    assert one.duplicates.read_bytes() == other.duplicates.read_bytes()
    assert one.clusters.read_bytes() == other.clusters.read_bytes()
    counts = count_captures(one)
    gone = pq.read_table(one.duplicates).to_pylist()
    assert counts.rows == len(rows) == counts.kept + len(gone)
    survivors = [r for r in pq.read_table(one.clusters).to_pylist() if r["survivor"]]
    assert {r["key"] for r in survivors} == {r["duplicate_of"] for r in gone}
    assert len(survivors) + len(gone) == pq.read_metadata(one.clusters).num_rows
    # Nothing that stays shares key, bytes or position with another that stays.
    places = {(r["raw_segment"], r["raw_offset"]) for r in gone}
    stay = [r for r in numbered if (r["raw_segment"], r["raw_offset"]) not in places]
    for name in ("key", "sha256", "lat"):
        values = [r[name] for r in stay if r[name] is not None]
        assert len(values) == len(set(values))
