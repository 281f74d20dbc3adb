"""Every saved query, against truth made by hand."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enrich.geo.areas import country_areas_km2, region_areas_km2
from queries.question.query import saved_queries
from queries.views.catalogue import SELECTION_SCHEMA
from tests.queries.conftest import HandMade, duplicate, row

Run = Callable[..., tuple[int, str, str]]
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(hand_made: HandMade, lostfound: Run) -> Ask:
    """Runs a saved query and returns its rows."""

    def run(name: str, *arguments: str) -> list[dict[str, Any]]:
        root = hand_made.layout.root
        code, out, error = lostfound("query", root, "--name", name, "--format", "json", *arguments)
        assert code == 0, error
        rows: list[dict[str, Any]] = json.loads(out)
        return rows

    return run


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def add(hand_made: HandMade, **counts: int) -> None:
    """A part with so many kept rows of each country."""
    countries = [country for country, count in counts.items() for _ in range(count)]
    hand_made.add_part([row(i, country) for i, country in enumerate(countries)])


@pytest.mark.parametrize("name", saved_queries())
def test_each_says_what_it_answers_and_runs_on_nothing(ask: Ask, name: str) -> None:
    assert saved_queries()[name].endswith(".")
    parameters = ["--param", 'target={"SE": 1}'] if name == "candidates" else []
    assert len(ask(name, *parameters)) <= 1


def test_country_counts(hand_made: HandMade, ask: Ask) -> None:
    add(hand_made, SE=3, PE=1)
    hand_made.add_part([row(9, "PE", status="rejected", reason="blurry")])
    rows = ask("country_counts")
    assert pick(rows, "country_code", "continent", "captures", "kept", "regions") == [
        ("SE", "Europe", 3, 3, 1),
        ("PE", "South America", 2, 1, 1),
    ]
    assert pick(rows, "share_of_kept") == [(0.75,), (0.25,)]


def test_region_counts(hand_made: HandMade, ask: Ask) -> None:
    hand_made.add_part(
        [row(0), row(1), row(2, region_id="SWE-9", region_distance_km=2.0), row(3, "DE")]
    )
    rows = ask("region_counts")
    assert pick(rows, "region_id", "samples", "share_of_country", "nearest_only") == [
        ("SWE-2", 2, 0.6667, 0),
        ("DEU-3", 1, 1.0, 0),
        ("SWE-9", 1, 0.3333, 1),
    ]


def test_rejections(hand_made: HandMade, ask: Ask) -> None:
    bad = {"status": "rejected", "reason": "blurry", "detail": "12 < 30"}
    hand_made.add_part([row(0), row(1), row(2), row(3, **bad)])
    hand_made.add_part([row(i, **(bad | {"source": "other"})) for i in (4, 5, 6)])
    hand_made.add_part([row(7, source="other")])
    rows = ask("rejections")
    assert pick(rows, "reason", "source", "captures", "share_of_captures", "share_of_source") == [
        ("blurry", "other", 3, 0.375, 0.75),
        ("blurry", "test", 1, 0.125, 0.25),
    ]
    assert pick(rows, "example_key", "example_detail")[0] == ("test-00004", "12 < 30")


def test_over_time(hand_made: HandMade, ask: Ask) -> None:
    times = [(2025, 3, 31), (2025, 4, 1), (2025, 4, 30), (2026, 1, 1)]
    rows = [row(i, captured_at=datetime(*day, 23, 59, tzinfo=UTC)) for i, day in enumerate(times)]
    rows[2] |= {"status": "rejected", "reason": "blurry"}
    hand_made.add_part([*rows, row(9, "DE")])
    wanted = ("period", "captures", "kept", "countries", "kept_so_far")
    assert pick(ask("over_time"), *wanted) == [
        ("2025-03-01", 1, 1, 1, 1),
        ("2025-04-01", 2, 1, 1, 2),
        ("2026-01-01", 1, 1, 1, 3),
        (None, 1, 1, 1, 4),
    ]
    years = ask("over_time", "--param", "unit=year")
    assert pick(years, "period", "captures") == [("2025-01-01", 3), ("2026-01-01", 1), (None, 1)]


def test_coverage(hand_made: HandMade, ask: Ask) -> None:
    # Two samples in one cell of 100 km, one 300 km away.
    hand_made.add_part([row(0, lat=59.0), row(1, lat=59.001), row(2, lat=56.3), row(3, "DE")])
    area = country_areas_km2()["SE"]
    rows = {one["country_code"]: one for one in ask("coverage", "--param", "km=100")}
    assert rows["SE"] == {
        "country_code": "SE",
        "country_name": "Sweden",
        "samples": 3,
        "km2": round(area),
        "samples_per_1000_km2": round(3000 / area, 3),
        "regions": 1,
        "of_regions": 21,
        "cells": 2,
        "share_covered": round(20_000 / area, 6),
    }
    assert 400_000 < area < 460_000  # Statistics Sweden: 407,284 km² of land, 447,424 with water


def test_region_coverage(hand_made: HandMade, ask: Ask) -> None:
    known = sorted(name for name in region_areas_km2() if name.startswith("SWE-"))
    hand_made.add_part([row(0, region_id=known[0]), row(1, region_id=known[0]), row(2, "DE")])
    rows = ask("region_coverage", "--param", "country=SE")
    assert rows[0]["region_id"] == known[0]
    assert sorted(one["region_id"] for one in rows) == known
    assert rows[0]["samples"] == 2
    assert rows[0]["samples_per_1000_km2"] == pytest.approx(
        2000 / region_areas_km2()[known[0]], abs=1e-3
    )
    assert all(one["samples"] == 0 for one in rows[1:])
    assert {one["country_code"] for one in ask("region_coverage")} == {"SE", "DE"}


def test_skew(hand_made: HandMade, ask: Ask) -> None:
    add(hand_made, SE=4, DE=2, FR=1, PE=1)
    [continents, countries, regions] = ask("skew")
    # Ranked 1, 1, 2, 4: 2 · (1·1 + 2·1 + 3·2 + 4·4) / (4 · 8) - 5 / 4.
    assert countries["gini"] == 0.3125
    assert countries["effective_shannon"] == 3.36  # 2 to the power of 1.75 bits
    assert countries["effective_simpson"] == 2.91  # 64 / (16 + 4 + 1 + 1)
    assert (countries["largest"], countries["largest_share"]) == ("SE", 0.5)
    assert countries["median_samples"] == 1.5
    assert regions | {"of": "country", "largest": "SE"} == countries
    # 7 in Europe, 1 in South America.
    assert (continents["number"], continents["gini"]) == (2, 0.375)


def test_no_skew(hand_made: HandMade, ask: Ask) -> None:
    add(hand_made, SE=3, DE=3, FR=3)
    [_, countries, _] = ask("skew")
    assert (countries["gini"], countries["effective_shannon"]) == (0.0, 3.0)
    assert countries["effective_simpson"] == 3.0


def test_candidates(hand_made: HandMade, ask: Ask, tmp_path: Path) -> None:
    add(hand_made, SE=10, DE=6, FR=1, JP=5)
    target = tmp_path / "target.json"
    target.write_text('{"SE": 5, "DE": 4, "FR": 2, "BR": 7, "PE": 0}')
    wanted = ("country_code", "samples", "wanted", "candidates", "remark")
    # France: 1 for 2, so ⌈5 / 2⌉ and ⌈4 / 2⌉ of the others.
    assert pick(ask("candidates", "--param", f"target=@{target}"), *wanted) == [
        ("SE", 10, 5, 3, None),
        ("DE", 6, 4, 2, None),
        ("FR", 1, 2, 1, "sets the scale"),
        ("JP", 5, 0, 0, "not in the target"),
        ("BR", 0, 7, 0, "no samples"),
    ]
    # Without it Germany: 6 for 4, so ⌈5 · 6 / 4⌉.
    rows = ask("candidates", "--param", f"target=@{target}", "--param", "min_share=0.1")
    assert pick(rows, *wanted)[:2] == [
        ("SE", 10, 5, 8, None),
        ("DE", 6, 4, 6, "sets the scale"),
    ]
    assert ("FR", 1, 2, 0, "share too small") in pick(rows, *wanted)


def test_candidates_are_the_quotas(
    hand_made: HandMade, ask: Ask, lostfound: Run, tmp_path: Path
) -> None:
    add(hand_made, SE=37, DE=23, FR=11, PE=5, JP=3)
    counts = {"SE": 1_234_567, "DE": 7_654_321, "FR": 333_333, "PE": 100_001, "JP": 99_999}
    (tmp_path / "target.json").write_text(json.dumps(counts))
    rows = ask("candidates", "--param", f"target=@{tmp_path / 'target.json'}")
    (tmp_path / "pool.json").write_text('{"SE": 37, "DE": 23, "FR": 11, "PE": 5, "JP": 3}')
    pool, target = tmp_path / "pool.json", tmp_path / "target.json"
    _, out, _ = lostfound("quotas", "--pool", pool, "--target", target)
    assert {one["country_code"]: one["candidates"] for one in rows} == json.loads(out)["quotas"]


NEAR = [
    # Across a cell's border, and one 51.7 m to the east: 0.0011 degrees at 65 degrees north.
    ([(64.9999, 20.0), (65.0001, 20.0), (65.0, 20.0011), (10.0, 20.0)], 50, {(0, 1): 22.2}),
    ([(64.9999, 20.0), (65.0, 20.0011)], 54, {(0, 1): 52.9}),
    # Across the antimeridian, 0.0002 degrees on the equator.
    ([(0.0, 179.9999), (0.0, -179.9999)], 50, {(0, 1): 22.2}),
    (
        [(-17.0, 179.9999), (-17.0, -180.0), (-17.0, 180.0)],
        12,
        {(0, 1): 10.6, (0, 2): 10.6, (1, 2): 0.0},
    ),
    # A kilometre and more.
    ([(0.0, 0.0), (0.0, 0.01), (0.0, 0.03)], 1500, {(0, 1): 1112.0}),
    # Near the pole, where a degree of longitude is 195 m.
    ([(89.9, 10.0), (89.9, 10.2)], 50, {(0, 1): 38.8}),
]


@pytest.mark.parametrize(("places", "metres", "pairs"), NEAR)
def test_near_pairs(
    hand_made: HandMade,
    ask: Ask,
    places: list[tuple[float, float]],
    metres: float,
    pairs: dict[tuple[int, int], float],
) -> None:
    hand_made.add_part([row(i, lat=lat, lon=lon) for i, (lat, lon) in enumerate(places)])
    rows = ask("near_pairs", "--param", f"metres={metres}")
    found = {(int(one["key_a"][-1]), int(one["key_b"][-1])): one["metres"] for one in rows}
    assert found == pytest.approx(pairs, abs=0.1)


def test_near_pairs_are_those_of_a_full_join(hand_made: HandMade, ask: Ask, lostfound: Run) -> None:
    place = random.Random(5)
    hand_made.add_part(
        [row(i, lat=place.uniform(70, 71), lon=place.uniform(-1, 2)) for i in range(150)]
    )
    rows = ask("near_pairs", "--param", "metres=5000")
    sql = """SELECT a.key AS key_a, b.key AS key_b,
        round(1000 * haversine_km(a.lat, a.lon, b.lat, b.lon), 1) AS metres
        FROM samples AS a JOIN samples AS b ON a.key < b.key WHERE metres <= 5000
        ORDER BY metres, key_a, key_b"""
    root = hand_made.layout.root
    assert rows == json.loads(lostfound("query", root, sql, "--format", "json")[1])
    assert len(rows) > 50


def test_licences(hand_made: HandMade, ask: Ask) -> None:
    hand_made.add_part(
        [row(0), row(1, attribution="other"), row(2, license="CC0-1.0", attribution="")]
    )
    rows = ask("licences")
    assert pick(rows, "license", "samples", "authors", "without_attribution") == [
        ("CC-BY-SA-4.0", 2, 2, 0),
        ("CC0-1.0", 1, 1, 1),
    ]


def test_attributions(hand_made: HandMade, ask: Ask) -> None:
    hand_made.add_part(
        [
            row(0),
            row(1),
            row(2, attribution="zoe"),
            row(3, attribution=""),
            row(4, attribution=None),
        ]
    )
    rows = ask("attributions")
    assert pick(rows, "attribution", "license", "source", "samples") == [
        ("somebody", "CC-BY-SA-4.0", "test", 2),
        (None, "CC-BY-SA-4.0", "test", 2),
        ("zoe", "CC-BY-SA-4.0", "test", 1),
    ]
    assert rows[0]["example"] == "https://example.org/0"


def test_storage(hand_made: HandMade, ask: Ask) -> None:
    sizes = [(1000, 100), (2000, None), (3000, 300)]
    rows = [row(i, raw_size=raw, tar_size=tar) for i, (raw, tar) in enumerate(sizes)]
    rows.append(row(3, raw_size=3000, tar_size=400, view=1))
    hand_made.add_part(rows)
    assert ask("storage") == [
        {
            "source": "test",
            "captures": 3,
            "raw_bytes": 6000,
            "stored": 3,
            "stored_bytes": 800,
            "mean_raw_bytes": 2000,
            "mean_stored_bytes": 267,
        }
    ]


def test_splits_by_country(hand_made: HandMade, ask: Ask) -> None:
    splits = [("SE", "train")] * 3 + [("SE", "test"), ("DE", "validation")]
    rows = [
        {"key": f"k{i}", "country_code": country, "split": split}
        for i, (country, split) in enumerate(splits)
    ]
    folder = hand_made.layout.selection("main")
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, SELECTION_SCHEMA), folder / "selection.parquet")
    (folder / "selection.json").write_text("{}")
    rows = ask("splits_by_country")
    assert pick(rows, "selection", "country_code", "train", "validation", "test") == [
        ("main", "SE", 3, 0, 1),
        ("main", "DE", 0, 1, 0),
    ]


def test_duplicates(hand_made: HandMade, ask: Ask) -> None:
    rows = hand_made.add_part([row(i) for i in range(5)])
    bytes_ = {"level": "bytes", "detail": "the same file"}
    hand_made.add_duplicates(
        [
            duplicate(rows[3], "duplicate_bytes", "test-00000") | bytes_,
            duplicate(rows[1], "duplicate_bytes", "test-00000") | bytes_,
            duplicate(rows[4], "duplicate_view", "test-00002") | {"level": "picture"},
        ]
    )
    assert ask("duplicates") == [
        {
            "reason": "duplicate_bytes",
            "level": "bytes",
            "duplicates": 2,
            "of_rows": 1,
            "example_key": "test-00001",
            "example_of": "test-00000",
            "example_detail": "the same file",
        },
        {
            "reason": "duplicate_view",
            "level": "picture",
            "duplicates": 1,
            "of_rows": 1,
            "example_key": "test-00004",
            "example_of": "test-00002",
            "example_detail": None,
        },
    ]
