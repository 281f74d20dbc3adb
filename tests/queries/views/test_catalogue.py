"""The views: joined rightly, conserving, and there before their files are."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from queries.views.catalogue import SELECTION_SCHEMA, connect
from queries.views.files import VIEWS
from shards.errors import WorkError
from shards.layout import DatasetLayout
from shards.schema import CLUSTERS_SCHEMA, METADATA_SCHEMA, SHARD_SCHEMA
from tests.queries.conftest import HandMade, duplicate, row


def test_views_are_there_before_their_files(hand_made: HandMade) -> None:
    connection = connect(hand_made.layout)
    columns = {view: connection.sql(f"FROM {view}").columns for view in VIEWS}
    assert columns["captures"] == [*METADATA_SCHEMA.names, "duplicate_of"]
    assert columns["samples"] == columns["captures"]
    assert columns["selections"] == ["selection", *SELECTION_SCHEMA.names]
    assert columns["shards"] == ["shard_set", *SHARD_SCHEMA.names]
    assert all(connection.execute(f"SELECT count(*) FROM {v}").fetchall() == [(0,)] for v in VIEWS)


def test_types_do_not_depend_on_the_files(hand_made: HandMade) -> None:
    empty = connect(hand_made.layout).sql("FROM captures").types
    hand_made.add_part([row(1)])
    assert connect(hand_made.layout).sql("FROM captures").types == empty


def test_duplicates_give_the_final_status(hand_made: HandMade) -> None:
    first = hand_made.add_part([row(0), row(1), row(2, status="rejected", reason="blurry")])
    second = hand_made.add_part([row(3), row(1)])  # row 1 was fetched twice
    again = duplicate(second[1], "duplicate_key", "test-00001")
    hand_made.add_duplicates(
        [
            duplicate(second[0], "duplicate_bytes", "test-00000"),
            again,
            again,  # listed twice, still one capture
            duplicate(first[2], "duplicate_position", "test-00000"),
        ]
    )
    connection = connect(hand_made.layout)
    rows = connection.sql(
        "SELECT raw_segment, key, status, reason, duplicate_of FROM captures ORDER BY ALL"
    ).fetchall()
    one, two = "raw/test/w0-000000.tar", "raw/test/w0-000001.tar"
    assert rows == [
        (one, "test-00000", "kept", None, None),
        (one, "test-00001", "kept", None, None),
        (one, "test-00002", "rejected", "blurry", "test-00000"),
        (two, "test-00001", "rejected", "duplicate_key", "test-00001"),
        (two, "test-00003", "rejected", "duplicate_bytes", "test-00000"),
    ]
    samples = connection.sql("SELECT key FROM samples ORDER BY key").fetchall()
    assert samples == [("test-00000",), ("test-00001",)]


def test_conservation(hand_made: HandMade) -> None:
    rows = []
    for number in range(6):
        rejected = {"status": "rejected", "reason": "too_small"} if number % 2 else {}
        part = [row(10 * number + i, **(rejected if i < 4 else {})) for i in range(10)]
        rows += hand_made.add_part(part)
    hand_made.add_duplicates([duplicate(rows[9], "duplicate_view", "x")])
    counted = connect(hand_made.layout).execute(
        """SELECT count(*), count(*) FILTER (status = 'kept'), count(reason),
        (SELECT count(*) FROM samples) FROM captures"""
    )
    assert counted.fetchall() == [(60, 47, 13, 47)]


def test_selections_and_shards_count_once_complete(hand_made: HandMade) -> None:
    root = hand_made.layout.root
    selection = pa.Table.from_pylist([{"key": "a", "split": "train"}], schema=SELECTION_SCHEMA)
    shard = pa.Table.from_pylist([row(1) | {"split": "test"}], schema=SHARD_SCHEMA)
    for name, done in (("whole", True), ("half", False), ("not a name", True)):
        (root / "selections" / name).mkdir(parents=True)
        pq.write_table(selection, root / "selections" / name / "selection.parquet")
        (root / "shards" / name / "metadata").mkdir(parents=True)
        pq.write_table(shard, root / "shards" / name / "metadata" / "test-000000.parquet")
        if done:
            (root / "selections" / name / "selection.json").write_text("{}")
            (root / "shards" / name / "manifest.json").write_text("{}")
    connection = connect(hand_made.layout)
    assert connection.sql("SELECT selection, key FROM selections").fetchall() == [("whole", "a")]
    shards = connection.sql("SELECT shard_set, key, split FROM shards").fetchall()
    assert shards == [("whole", "test-00001", "test")]


def test_paths_are_names_not_patterns(tmp_path: Path) -> None:
    for folder, number in (("a*", 1), ("ab", 2)):
        (tmp_path / folder).mkdir()
        HandMade(DatasetLayout(tmp_path / folder)).add_part([row(number)])
    connection = connect(DatasetLayout(tmp_path / "a*"))
    assert connection.sql("SELECT key FROM captures").fetchall() == [("test-00001",)]


def test_a_part_that_is_not_parquet_is_named(hand_made: HandMade) -> None:
    hand_made.add_part([row(1)])
    part = hand_made.layout.parts()[0]
    part.write_bytes(b"PAR1 no")
    with pytest.raises(WorkError, match=r"w0-000000\.parquet"):
        connect(hand_made.layout)


def test_clusters_are_a_table(hand_made: HandMade) -> None:
    assert connect(hand_made.layout).sql("FROM clusters").columns == CLUSTERS_SCHEMA.names
    empty = connect(hand_made.layout).sql("FROM clusters").types
    first, second = hand_made.add_part([row(0), row(1)])
    found = {"cluster": first["key"], "level": "picture", "distance": 3, "agreement": 0.9}
    members = [
        {name: one[name] for name in ("key", "raw_segment", "raw_offset", "view")}
        for one in (first, second)
    ]
    rows = [found | members[1] | {"survivor": False}]
    rows.append({"cluster": first["key"]} | members[0] | {"survivor": True})
    hand_made.layout.catalog.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, CLUSTERS_SCHEMA), hand_made.layout.clusters)
    connection = connect(hand_made.layout)
    assert connection.sql("FROM clusters").types == empty
    counted = "SELECT cluster, count(*), sum(survivor::INTEGER) FROM clusters GROUP BY cluster"
    assert connection.sql(counted).fetchall() == [(first["key"], 2, 1)]


def test_a_duplicate_says_what_was_found(hand_made: HandMade) -> None:
    [_, second] = hand_made.add_part([row(0), row(1)])
    detail = "the picture of test-00000: 90% of it agrees"
    one = duplicate(second, "duplicate_view", "test-00000") | {"detail": detail}
    hand_made.add_duplicates([one])
    asked = "SELECT detail FROM captures WHERE reason = 'duplicate_view'"
    assert connect(hand_made.layout).sql(asked).fetchall() == [(detail,)]
