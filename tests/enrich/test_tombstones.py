"""The deny-list over the whole chain: enriched rows, the catalogue, selections, shards."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrich.deny import deny_rules, parse_rules
from enrich.duplicates.levels import count_captures, find_duplicates
from enrich.tombstones import find_tombstones
from queries.selection.options import Options
from queries.selection.select import select
from queries.views.catalogue import connect
from shards.build import BuildOptions, build_shards
from shards.capture import Capture
from shards.denyfile import add_rules
from shards.denylist import DenyList, Kind, Rule
from shards.errors import UsageError, WorkError
from shards.keys import view_key
from shards.layout import DatasetLayout
from shards.manifest import load_manifest
from shards.schema import TOMBSTONES_SCHEMA
from shards.verify import verify_shards
from tests.shards.datasets import make_dataset, metadata_row, snapshot

SMALL = BuildOptions(shard_bytes=40_000)


def rows_with(**changes: dict[int, Any]) -> list[dict[str, Any]]:
    """40 kept rows; `changes` gives values of columns by the row's number."""
    return [
        metadata_row(
            number, **{name: values[number] for name, values in changes.items() if number in values}
        )
        for number in range(40)
    ]


def rejected(layout: DatasetLayout) -> dict[str, str]:
    """Key to reason of what the view `captures` does not keep."""
    with connect(layout) as connection:
        found = connection.execute(
            "SELECT key, reason FROM captures WHERE status = 'rejected'"
        ).fetchall()
    return dict(found)


def shard_keys(layout: DatasetLayout, name: str) -> set[str]:
    files = layout.shards(name).glob("metadata/*.parquet")
    return {key for file in files for key in pq.read_table(file)["key"].to_pylist()}


def test_a_denied_row_leaves_the_dataset(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    assert not rejected(layout)
    summary = deny_rules(layout, [Rule(Kind.KEY, "file-000003", reason="asked", added_at="then")])
    assert (summary.rules, summary.added, summary.rejected) == (1, 1, 1)
    assert rejected(layout) == {"file-000003": "opted_out"}
    table = pq.read_table(layout.tombstones)
    assert table.schema.names == TOMBSTONES_SCHEMA.names
    [row] = table.to_pylist()
    assert (row["key"], row["source"], row["denied_at"]) == ("file-000003", "file", "then")
    assert row["detail"] == "key of the deny-list: asked"
    counts = count_captures(layout)
    assert (counts.captures, counts.kept, counts.rejected) == (40, 39, {"opted_out": 1})


def test_an_earlier_selection_is_built_without_it(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    first = build_shards(layout, "main", SMALL)
    assert (first.samples, first.opted_out) == (40, 0)
    assert load_manifest(layout.shards("main")).opted_out == []
    deny_rules(layout, [Rule(Kind.GROUP, "group-2", "file")])
    gone = {f"file-{number:06d}" for number in range(8, 12)}
    summary = build_shards(layout, "main", SMALL)
    assert (summary.samples, summary.opted_out) == (36, 4)
    assert not gone & shard_keys(layout, "main")
    manifest = load_manifest(layout.shards("main"))
    assert manifest.opted_out == sorted(gone)
    assert manifest.samples == 36
    assert (
        "4 samples of the selection are left out"
        in (layout.shards("main") / "README.md").read_text()
    )
    assert not verify_shards(layout.shards("main")).defects


def test_a_new_selection_does_not_have_it(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    deny_rules(layout, [Rule(Kind.KEY, "file-000003")])
    assert sum(select(layout, "new", Options())["counts"].values()) == 39
    assert build_shards(layout, "new", SMALL).opted_out == 0


def test_the_same_list_gives_the_same_bytes(tmp_path: Path) -> None:
    rules = [
        Rule(Kind.AUTHOR, "some name", added_at="then"),
        Rule(Kind.KEY, "file-000005", added_at="then"),
        Rule(Kind.CIRCLE, "55.7,13.19,100", "file", added_at="then"),
    ]
    made = []
    for name, order in (("one", rules), ("two", rules)):
        layout = make_dataset(tmp_path / name, rows_with(attribution={7: "Some Name"}))
        for rule in order:
            deny_rules(layout, [rule])
        build_shards(layout, "main", SMALL, workers=1 if name == "one" else 2)
        made.append((snapshot(layout.catalog), snapshot(layout.shards("main"))))
    assert made[0] == made[1]


def test_a_rule_that_is_taken_back_gives_the_row_back(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    build_shards(layout, "main", SMALL)
    before = snapshot(layout.shards("main"))
    deny_rules(layout, [Rule(Kind.KEY, "file-000003")])
    build_shards(layout, "main", SMALL)
    assert snapshot(layout.shards("main")) != before
    layout.denylist.write_text("rule,value\n")
    assert deny_rules(layout, []).rejected == 0
    assert not layout.tombstones.exists()
    build_shards(layout, "main", SMALL)
    assert snapshot(layout.shards("main")) == before


def test_the_same_picture_under_another_key_goes_too(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, rows_with(sha256={3: "a" * 64, 30: "a" * 64}))
    find_duplicates(layout)
    assert rejected(layout) == {"file-000030": "duplicate_bytes"}
    deny_rules(layout, [Rule(Kind.KEY, "file-000003")])
    assert rejected(layout) == {"file-000003": "opted_out", "file-000030": "opted_out"}
    details = pq.read_table(layout.tombstones)["detail"].to_pylist()
    assert "the same bytes as file-000003" in details


def test_a_duplicate_of_what_is_gone_is_kept_now(tmp_path: Path) -> None:
    place = {3: 1.5, 30: 1.5}
    layout = make_dataset(tmp_path, rows_with(lat=place, lon=place))
    find_duplicates(layout)
    assert rejected(layout) == {"file-000030": "duplicate_position"}
    deny_rules(layout, [Rule(Kind.KEY, "file-000003")])
    assert rejected(layout) == {"file-000003": "opted_out"}


def test_what_one_capture_alone_decided_stands(tmp_path: Path) -> None:
    rows = rows_with(status={3: "rejected"}, reason={3: "blurry"})
    layout = make_dataset(tmp_path, rows)
    deny_rules(layout, [Rule(Kind.KEY, "file-000003")])
    assert rejected(layout) == {"file-000003": "blurry"}


def test_nothing_is_left_to_build(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    deny_rules(layout, [Rule(Kind.BOX, "-180,-90,180,90")])
    with pytest.raises(WorkError, match="deny-list rejects all of it"):
        build_shards(layout, "main", SMALL)


def test_a_list_that_is_no_list_stops(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    layout.denylist.write_text("rule,value\nnobody,x\n")
    with pytest.raises(UsageError, match=r"denylist\.csv:2"):
        find_tombstones(layout)


def test_without_rules_and_without_a_list(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path)
    with pytest.raises(UsageError, match="give a rule"):
        deny_rules(layout, [])
    assert find_tombstones(layout) == 0
    assert not layout.tombstones.exists()


def test_rules_before_anything_was_captured(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path / "new")
    summary = deny_rules(layout, [Rule(Kind.AUTHOR, "Jane Doe")])
    assert (summary.rules, summary.added, summary.rejected) == (1, 1, 0)


def test_options_become_rules() -> None:
    rules = parse_rules(
        {Kind.KEY: ["a"], Kind.ID: ["flickr:5:6"], Kind.AUTHOR: [" Jane Doe "]},
        source="commons",
        reason="why",
    )
    assert [(rule.rule, rule.value, rule.source, rule.reason) for rule in rules] == [
        ("key", "a", "commons", "why"),
        ("id", "5:6", "flickr", "why"),
        ("author", "Jane Doe", "commons", "why"),
    ]
    for kind, text in ((Kind.ID, "5"), (Kind.BOX, "1,2"), (Kind.KEY, "a.b")):
        with pytest.raises(UsageError, match=f"--{kind} {text}: "):
            parse_rules({kind: [text]}, source="", reason="")


names = st.sampled_from(["Jane Doe", "jane  DOE", "Jane", "Doe (Jane)", "Zoë", "ZOË Ω", "", "O'X"])
sources = st.sampled_from(["panoramax", "flickr"])
# Few places, so that rules meet rows; on both sides of the antimeridian and at the poles.
latitudes = st.sampled_from([-90.0, -45.5, 0.0, 10.25, 90.0])
longitudes = st.sampled_from([-180.0, -170.5, 0.0, 13.25, 170.0, 180.0])
captures = st.builds(
    dict,
    source=sources,
    source_id=st.sampled_from("abc"),
    group_id=st.sampled_from(["", "g", "h"]),
    lat=st.none() | latitudes,
    lon=longitudes,
    attribution=names.map(lambda name: f"© {name}, CC BY 4.0"),
    extra=names.map(lambda name: json.dumps({"author": name}))
    | st.sampled_from(["", "no JSON", "[1]", '{"author": 5}', '{"author": null}', "{}"]),
)
rules_strategy = st.one_of(
    st.builds(lambda n: Rule(Kind.KEY, f"file-{n:06d}"), st.integers(0, 9)),
    st.builds(Rule, st.just(Kind.ID), st.sampled_from("abc"), sources),
    st.builds(Rule, st.just(Kind.GROUP), st.sampled_from("gh"), sources),
    st.builds(Rule, st.just(Kind.AUTHOR), names.filter(bool), st.just("") | sources),
    st.builds(
        lambda w, e, lats, source: Rule(
            Kind.BOX, f"{w},{min(lats)},{e},{max(lats)}", source
        ),
        longitudes, longitudes, st.tuples(latitudes, latitudes), st.just("") | sources,
    ),
    st.builds(
        lambda lat, lon, km: Rule(Kind.CIRCLE, f"{lat},{lon},{km}"),
        latitudes, longitudes, st.sampled_from([1, 700, 3000, 15_000]),
    ),
)  # fmt: skip


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    found=st.lists(captures, min_size=1, max_size=10),
    rules=st.lists(rules_strategy, min_size=1, max_size=4),
)
def test_enrich_rejects_what_the_crawler_would_not_fetch(
    tmp_path: Path, found: Sequence[dict[str, Any]], rules: list[Rule]
) -> None:
    """One meaning of every rule: the pure one over captures, and SQL over rows."""
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    rows = [metadata_row(number, **capture) for number, capture in enumerate(found)]
    layout = make_dataset(tmp_path / "set", rows, parts=1)
    add_rules(layout, rules)
    find_tombstones(layout)
    assert set(rejected(layout)) == refused_before_fetching(rows, rules)


def refused_before_fetching(rows: Sequence[dict[str, Any]], rules: Sequence[Rule]) -> set[str]:
    """The keys of the rows that the pure rule refuses, by the captures that they come from."""
    denylist = DenyList(rules)
    return {
        row["key"]
        for row in rows
        if denylist.refusal(
            Capture(
                key=row["key"],
                source=row["source"],
                source_id=row["source_id"],
                group_id=row["group_id"],
                lat="" if row["lat"] is None else str(row["lat"]),
                lon=str(row["lon"]),
                attribution=row["attribution"],
                extra=row["extra"],
            )
        )
    }


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (Rule(Kind.BOX, "-180,-90,180,90"), 30),
        (Rule(Kind.BOX, "170,-10,-170,10.25"), 8),
        (Rule(Kind.BOX, "-170.5,-10,170,10.25"), 8),
        (Rule(Kind.BOX, "0,0,0,0"), 1),
        (Rule(Kind.CIRCLE, "0,180,1"), 2),
        (Rule(Kind.CIRCLE, "89.99,45,2"), 6),
        (Rule(Kind.CIRCLE, "0,0,1600"), 3),
    ],
)
def test_places_on_a_grid(tmp_path: Path, rule: Rule, count: int) -> None:
    grid = [
        (lat, lon)
        for lat in (-90.0, -45.5, 0.0, 10.25, 90.0)
        for lon in (-180.0, -170.5, 0.0, 13.25, 170.0, 180.0)
    ]
    rows = [metadata_row(n, lat=lat, lon=lon) for n, (lat, lon) in enumerate(grid)]
    layout = make_dataset(tmp_path, rows, parts=1)
    deny_rules(layout, [rule])
    layout.duplicates.unlink()
    assert len(rejected(layout)) == count
    assert set(rejected(layout)) == refused_before_fetching(rows, [rule])


@pytest.mark.parametrize("key", ["panorama-1", "p" * 63])
@pytest.mark.parametrize("kept", [{0, 1, 2, 3}, {2}])
def test_the_key_of_a_panorama_denies_all_its_views(
    tmp_path: Path, key: str, kept: set[int]
) -> None:
    views = [
        metadata_row(
            view,
            key=view_key(key, view),
            view=view,
            group_id=key,
            sha256="5a" * 32,
            **({} if view in kept else {"status": "rejected", "reason": "blurry"}),
        )
        for view in range(4)
    ]
    layout = make_dataset(tmp_path, [*views, *(metadata_row(number) for number in range(10, 20))])
    summary = deny_rules(layout, [Rule(Kind.KEY, key)])
    assert summary.rejected == len(kept)
    gone = {name for name, reason in rejected(layout).items() if reason == "opted_out"}
    assert gone == {view_key(key, view) for view in kept}


def test_the_key_of_one_view_denies_the_others_too(tmp_path: Path) -> None:
    views = [metadata_row(n, key=f"a-v{n}", view=n, sha256="5a" * 32) for n in range(4)]
    layout = make_dataset(tmp_path, [*views, metadata_row(10, key="b-v1"), metadata_row(11)])
    deny_rules(layout, [Rule(Kind.KEY, "a-v2")])
    assert set(rejected(layout)) == {f"a-v{n}" for n in range(4)}
