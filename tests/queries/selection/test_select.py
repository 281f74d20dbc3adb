"""`lostfound select`: determinism, stability, quotas, labels, and what it says when it fails."""

import hashlib
import json
import resource
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from queries.selection.options import Options
from queries.selection.select import select
from queries.selection.splits import random_split
from queries.views.catalogue import SELECTION_SCHEMA
from shards.errors import WorkError
from shards.keys import order_hash
from shards.layout import DatasetLayout
from shards.rows import load_selection
from tests.queries.conftest import HandMade, duplicate, row
from tests.shards.datasets import snapshot

Run = Callable[..., tuple[int, str, str]]
COUNTRIES = ["SE"] * 60 + ["DE"] * 30 + ["FR"] * 9 + ["PE"]


@pytest.fixture
def dataset(hand_made: HandMade) -> HandMade:
    hand_made.add_part([row(i, country) for i, country in enumerate(COUNTRIES)])
    return hand_made


def rows_of(layout: DatasetLayout, name: str) -> list[dict[str, Any]]:
    return pq.read_table(layout.selection(name) / "selection.parquet").to_pylist()


def test_rows_and_record(dataset: HandMade, lostfound: Run) -> None:
    dataset.add_duplicates([duplicate(dataset.rows[5], "duplicate_bytes", "test-00001")])
    root = dataset.layout.root
    code, out, _ = lostfound("select", root, "--name", "all", "--seed", "3", "--json")
    record = json.loads(out)
    assert code == 0
    assert record == json.loads((root / "selections/all/selection.json").read_text())
    table = pq.read_table(root / "selections/all/selection.parquet")
    assert table.schema == SELECTION_SCHEMA
    rows = table.to_pylist()
    expected = {
        values["key"]: random_split(3, values["key"], values["source"], values["group_id"])
        for values in dataset.rows
        if values["key"] != "test-00005"
    }
    assert {r["key"]: r["split"] for r in rows} == expected
    assert rows == sorted(rows, key=lambda r: (r["split"], order_hash(3, r["key"])))
    assert record["counts"] == dict(Counter(expected.values()))
    assert record["countries"] == {"DE": 30, "FR": 9, "PE": 1, "SE": 59}
    keys = "".join(f"{r['key']}\n" for r in rows)
    assert record["keys_sha256"] == hashlib.sha256(keys.encode()).hexdigest()
    assert record["options"]["split_percent"] == {"train": 70, "validation": 20, "test": 10}


def test_builders_can_read_it(dataset: HandMade, lostfound: Run) -> None:
    lostfound("select", dataset.layout.root, "--name", "all")
    assert load_selection(dataset.layout, "all").labels.countries[0].code == "DE"


def test_labels_come_from_training_alone(dataset: HandMade, lostfound: Run) -> None:
    # One sample of Japan in each of two other splits, none in train; and one without a region.
    keys = [f"extra-{i}" for i in range(200)]
    outside = [key for key in keys if random_split(0, key) != "train"][:2]
    inside = next(key for key in keys if random_split(0, key) == "train")
    dataset.add_part(
        [row(300 + i, "JP", key=key, group_id="") for i, key in enumerate(outside)]
        + [row(400, "SE", key=inside, group_id="", region_id=None, region_name=None)]
    )
    _, out, _ = lostfound("select", dataset.layout.root, "--name", "all", "--json")
    labels = json.loads(out)["labels"]
    rows = rows_of(dataset.layout, "all")
    train = Counter(r["country_code"] for r in rows if r["split"] == "train")
    assert [(c["code"], c["samples"]) for c in labels["countries"]] == sorted(train.items())
    index = {c["code"]: c["index"] for c in labels["countries"]}
    regions = {r["id"]: r["index"] for r in labels["regions"]}
    assert "JP" not in index
    assert list(regions) == sorted(regions)
    for r in rows:
        assert r["country_index"] == index.get(r["country_code"], -1)
        assert r["region_index"] == regions.get(r["region_id"], -1)
    assert {r["country_index"] for r in rows if r["key"] in outside} == {-1}
    assert {r["region_index"] for r in rows if r["key"] == inside} == {-1}


def test_same_bytes_whatever_the_order_of_arrival(dataset: HandMade, lostfound: Run) -> None:
    root = dataset.layout.root
    other = HandMade(DatasetLayout(root / "other"))
    for start in (66, 33, 0):
        other.add_part([row(i, COUNTRIES[i]) for i in range(start, min(start + 33, 100))][::-1])
    other.add_part([row(99, COUNTRIES[99])])
    for layout in (dataset.layout, other.layout, dataset.layout):
        lostfound("select", layout.root, "--name", "x", "--where", "lat > 0", "--limit", 50)
    for file in ("selection.parquet", "selection.json"):
        first, second = (h.layout.selection("x") / file for h in (dataset, other))
        assert first.read_bytes() == second.read_bytes()


def test_adding_data_moves_no_row(dataset: HandMade, lostfound: Run) -> None:
    lostfound("select", dataset.layout.root, "--name", "before")
    dataset.add_part([row(1000 + i, "JP") for i in range(200)])
    lostfound("select", dataset.layout.root, "--name", "after")
    before = {r["key"]: r["split"] for r in rows_of(dataset.layout, "before")}
    after = {r["key"]: r["split"] for r in rows_of(dataset.layout, "after")}
    assert len(after) == len(before) + 200
    assert before.items() <= after.items()


def test_like_follows_the_quotas(dataset: HandMade, lostfound: Run, tmp_path: Path) -> None:
    like = tmp_path / "like.json"
    like.write_text('{"Schweden": 20, "de": 20, "FRANCE": 5, "Peru": 1, "Atlantis": 9}')
    arguments = ["--like", like, "--min-share", "0.1", "--slack", "0.5", "--json"]
    code, out, _ = lostfound("select", dataset.layout.root, "--name", "like", *arguments)
    record = json.loads(out)
    assert code == 0
    # f = 30 / 20; Peru has 1 / 1 >= 0.75 and France 9 / 5 >= 0.75: both join with half.
    assert record["mapping"]["quotas"] == {"DE": 30, "SE": 30, "FR": 5, "PE": 1}
    assert record["countries"] == {"DE": 30, "FR": 5, "PE": 1, "SE": 30}
    assert record["mapping"]["missing"] == ["Atlantis"]
    chosen = {r["key"] for r in rows_of(dataset.layout, "like") if r["country_code"] == "SE"}
    swedes = [f"test-{i:05d}" for i in range(60)]
    assert chosen == set(sorted(swedes, key=lambda key: order_hash(0, key))[:30])


def test_rights(dataset: HandMade, lostfound: Run) -> None:
    root = dataset.layout.root
    nameless = [
        {"license": None},
        {"license": " "},
        {"attribution": None},
        {"attribution": "", "license": "CC0-1.0"},
    ]
    dataset.add_part([row(900 + i, "JP", **rights) for i, rights in enumerate(nameless)])
    _, out, _ = lostfound("select", root, "--json")
    record = json.loads(out)
    assert (record["unlicensed"], sum(record["counts"].values())) == (4, 100)
    assert record["options"]["allow_unlicensed"] is False
    _, out, _ = lostfound("select", root)
    assert "without licence or attribution" in out
    _, out, _ = lostfound("select", root, "--allow-unlicensed", "--json")
    record = json.loads(out)
    assert (record["unlicensed"], sum(record["counts"].values())) == (0, 104)
    assert record["options"]["allow_unlicensed"] is True
    code, _, error = lostfound("select", root, "--where", "country_code = 'JP'")
    assert (code, error.count("\n")) == (1, 1)
    assert "4 samples" in error
    assert "--allow-unlicensed" in error
    assert "import --license" in error


def test_the_stored_sql_gives_the_same_keys(dataset: HandMade, lostfound: Run) -> None:
    root = dataset.layout.root
    where = "lat > 10 -- a remark"
    arguments = ["--where", where, "--seed", "4", "--limit", "9"]
    _, out, _ = lostfound("select", root, *arguments, "--json")
    record = json.loads(out)
    code, out, error = lostfound("query", root, record["sql"], "--format", "csv")
    assert code == 0, error
    keys = out.split()[1:]
    assert len(keys) == 9
    assert sorted(keys) == sorted(r["key"] for r in rows_of(dataset.layout, "default"))
    assert keys == sorted(keys, key=lambda key: order_hash(4, key))


def test_group_or_key(dataset: HandMade, lostfound: Run) -> None:
    dataset.add_part([row(2000 + i, group_id="one") for i in range(50)])
    root = dataset.layout.root
    _, _, note = lostfound("select", root, "--where", "group_id = 'one'")
    assert "--split-by key" in note
    assert len({r["split"] for r in rows_of(dataset.layout, "default")}) == 1
    lostfound("select", root, "--where", "group_id = 'one'", "--split-by", "key")
    assert len({r["split"] for r in rows_of(dataset.layout, "default")}) == 3


def test_table_for_people(dataset: HandMade, lostfound: Run) -> None:
    code, out, _ = lostfound("select", dataset.layout.root)
    assert code == 0
    assert "validation" in out


FAILURES = [
    (["--where", "lat > 1000"], 1, "no sample matches"),
    (["--where", "contry_code = 'SE'"], 2, "country_code"),
    (["--where", "lat >"], 2, "syntax error"),
    (["--where", "true) UNION ALL SELECT (1"], 2, "syntax error"),
    (["--where", "true; DROP VIEW samples"], 2, "--where"),
    (["--where", "key::INTEGER > 0"], 2, "Could not convert"),
    (["--limit", "0"], 2, "--limit"),
    (["--split", "nearby"], 2, "random"),
    (["--name", "../out"], 2, "name"),
    (["--slack", "0.5"], 2, "--like"),
    (["--like", "{twice}"], 2, "both mean SE"),
    (["--like", "{nowhere}"], 2, "no country in common"),
]


@pytest.mark.parametrize(("arguments", "expected", "words"), FAILURES)
def test_failures_are_one_line(
    dataset: HandMade,
    lostfound: Run,
    tmp_path: Path,
    arguments: list[str],
    expected: int,
    words: str,
) -> None:
    counts = {"twice": '{"SE": 1, "Sweden": 2}', "nowhere": '{"Atlantis": 2}'}
    files = {name: tmp_path / f"{name}.json" for name in counts}
    for name, file in files.items():
        file.write_text(counts[name])
    arguments = [argument.format(**files) for argument in arguments]
    code, _, error = lostfound("select", dataset.layout.root, *arguments)
    assert code == expected
    assert words in error
    assert error.count("\n") == 1
    assert not (dataset.layout.root / "selections").exists()


def test_empty_dataset(hand_made: HandMade, lostfound: Run) -> None:
    code, _, error = lostfound("select", hand_made.layout.root)
    assert (code, error.count("\n")) == (1, 1)
    assert "lostfound enrich" in error


def test_a_key_twice_is_refused(dataset: HandMade, lostfound: Run) -> None:
    dataset.add_part([row(1)])
    code, _, error = lostfound("select", dataset.layout.root)
    assert code == 1
    assert "test-00001" in error


def test_a_full_disk_leaves_the_selection_of_before(dataset: HandMade, lostfound: Run) -> None:
    root = dataset.layout.root
    assert lostfound("select", root, "--limit", "10")[0] == 0
    folder = dataset.layout.selection("default")
    before = snapshot(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # Files cannot grow beyond it, as on a disk that is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, limits[1]))
        code, _, error = lostfound("select", root)
        new, _, _ = lostfound("select", root, "--name", "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (code, error.count("\n"), new) == (1, 1, 1)
    assert "the disk is full" in error
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["default"]


def test_what_fails_late_leaves_the_selection_of_before(dataset: HandMade, lostfound: Run) -> None:
    lostfound("select", dataset.layout.root, "--limit", "10")
    before = snapshot(dataset.layout.selection("default"))

    def refuse(record: dict[str, Any]) -> None:
        raise WorkError(f"not {sum(record['counts'].values())}")

    with pytest.raises(WorkError, match="not 100"):
        select(dataset.layout, "default", Options(), check=refuse)
    assert snapshot(dataset.layout.selection("default")) == before


def test_a_condition_that_changes_its_mind(dataset: HandMade, lostfound: Run) -> None:
    code, _, error = lostfound("select", dataset.layout.root, "--where", "random() < 0.5")
    assert (code, error.count("\n")) == (2, 1)
    assert "--limit and --seed" in error


def test_selections_of_earlier_versions_are_read(dataset: HandMade, lostfound: Run) -> None:
    root = dataset.layout.root
    lostfound("select", root)
    path = dataset.layout.selection("default") / "selection.parquet"
    pq.write_table(pq.read_table(path).select(range(6)), path)
    code, out, error = lostfound(
        "query",
        root,
        "SELECT count(key) AS n, count(url) AS urls FROM selections",
        "--format",
        "csv",
    )
    assert code == 0, error
    assert out.split() == ["n,urls", "100,0"]
