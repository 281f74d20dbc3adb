"""`select --from`: the same rows on another machine, or what is missing, and nothing lost."""

import csv
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.urls.rows import find_columns, url_key
from queries.selection.written import RECORD, ROWS
from shards.layout import DatasetLayout
from tests.queries.conftest import HandMade, duplicate, picture, row
from tests.shards.datasets import edit_json, snapshot
from tests.stores import fill, hashes, memory

Run = Callable[..., tuple[int, str, str]]


def photographs(first: int, count: int, **changes: Any) -> list[dict[str, Any]]:
    """Rows whose pictures are real."""
    rows = []
    for number in range(first, first + count):
        image = picture(number)
        digest = hashlib.sha256(image).hexdigest()
        rows.append(row(number, bytes=image, sha256=digest) | changes)
    return rows


def of_the_web(number: int) -> dict[str, Any]:
    url = f"https://example.org/{number}.jpg"
    return row(number, key=url_key(url), source="urls", source_id=url)


@pytest.fixture
def dataset(hand_made: HandMade) -> HandMade:
    hand_made.add_part(photographs(0, 20), images=True)
    hand_made.add_part(photographs(20, 12), images=True)
    hand_made.add_part([of_the_web(number) for number in range(40, 45)])
    return hand_made


@pytest.fixture
def committed(dataset: HandMade, lostfound: Run, tmp_path: Path) -> Path:
    """A selection's two files, away from the dataset."""
    root = dataset.layout.root
    assert lostfound("select", root, "--name", "all", "--seed", "3")[0] == 0
    folder = tmp_path / "committed"
    shutil.copytree(dataset.layout.selection("all"), folder)
    return folder / RECORD


@pytest.fixture
def elsewhere(dataset: HandMade, tmp_path: Path) -> DatasetLayout:
    """Another machine: the same captures, in other segments, and one capture more."""
    other = HandMade(DatasetLayout(tmp_path / "elsewhere"))
    rows = [{**values} for values in dataset.rows]
    for values in rows:
        del values["raw_offset"]
    other.add_part([*rows[30:], row(99, "JP")])
    other.add_part(rows[:30][::-1])
    return other.layout


def without_part(layout: DatasetLayout, number: int, root: Path) -> DatasetLayout:
    """A copy of a dataset that lacks one segment and its part."""
    shutil.copytree(layout.root, root)
    for path in root.glob(f"*/test/w0-{number:06d}.*"):
        path.unlink()
    return DatasetLayout(root)


@pytest.mark.parametrize("name", [None, "another"])
def test_the_same_bytes_elsewhere(
    elsewhere: DatasetLayout, committed: Path, lostfound: Run, name: str | None
) -> None:
    chosen = [] if name is None else ["--name", name]
    code, out, error = lostfound("select", elsewhere.root, "--from", committed, *chosen, "--json")
    assert code == 0, error
    folder = elsewhere.selection(name or "all")
    assert snapshot(folder)[ROWS] == committed.with_name(ROWS).read_bytes()
    expected = json.loads(committed.read_text()) | {"name": name or "all"}
    assert json.loads(out) == expected
    assert json.loads((folder / RECORD).read_text()) == expected


def test_from_its_own_place(dataset: HandMade, committed: Path, lostfound: Run) -> None:
    folder = dataset.layout.selection("all")
    code, _, error = lostfound("select", dataset.layout.root, "--from", folder / RECORD)
    assert code == 0, error
    assert snapshot(folder) == snapshot(committed.parent)


def test_from_the_record_alone(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    rows = committed.with_name(ROWS).read_bytes()
    committed.with_name(ROWS).unlink()
    copy = DatasetLayout(tmp_path / "copy")
    shutil.copytree(dataset.layout.enriched, copy.enriched)
    code, _, error = lostfound("select", copy.root, "--from", committed)
    assert code == 0, error
    assert snapshot(copy.selection("all")) == {ROWS: rows, RECORD: committed.read_bytes()}


def test_from_the_record_alone_other_samples(
    elsewhere: DatasetLayout, committed: Path, lostfound: Run
) -> None:
    lostfound("select", elsewhere.root, "--name", "all")
    before = snapshot(elsewhere.selection("all"))
    committed.with_name(ROWS).unlink()
    code, _, error = lostfound("select", elsewhere.root, "--from", committed)
    assert (code, error.count("\n")) == (1, 1)
    assert ROWS in error
    assert snapshot(elsewhere.selection("all")) == before


def test_what_is_missing_is_named(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    here = without_part(dataset.layout, 1, tmp_path / "here")
    HandMade(here).add_duplicates([duplicate(dataset.rows[5], "duplicate_bytes", "test-00001")])
    before = snapshot(here.root)
    code, _, error = lostfound("select", here.root, "--from", committed, "--name", "new")
    assert (code, error.count("\n")) == (1, 1)
    assert "13 of its 37 samples are missing" in error
    assert "12 never captured or enriched here (12 test; first: test-00020," in error
    assert "1 rejected here (1 duplicate_bytes; first: test-00005)" in error
    assert "--fetch-missing" in error
    assert "--missing-list" not in error
    assert snapshot(here.root) == before


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """A client that has read enough hangs up."""


@pytest.fixture
def server(dataset: HandMade) -> Iterator[str]:
    handler = partial(Quiet, directory=str(dataset.layout.root))
    with QuietServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.mark.parametrize("by_http", [False, True])
def test_fetching_what_is_missing(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path, server: str, by_http: bool
) -> None:
    origin = server if by_http else str(dataset.layout.root)
    here = without_part(dataset.layout, 1, tmp_path / "here")
    arguments = ["select", here.root, "--from", committed, "--name", "new"]
    nothing = tmp_path / "nothing.csv"
    _, _, error = lostfound(*arguments, "--missing-list", nothing)
    assert "no web address" in error
    assert not nothing.exists()
    code, _, error = lostfound(*arguments, "--fetch-missing", origin)
    assert (code, error.count("\n")) == (1, 1)
    assert "copied 1 segment(s)" in error
    assert "12 of the 12 missing samples" in error
    assert "lostfound enrich" in error
    segment = "raw/test/w0-000001.tar"
    assert (here.root / segment).read_bytes() == (dataset.layout.root / segment).read_bytes()
    # What `enrich` would do.
    for name in ("w0-000001.tar", "w0-000001.parquet"):
        shutil.copy(dataset.layout.enriched / "test" / name, here.enriched / "test" / name)
    code, _, error = lostfound(*arguments, "--fetch-missing", origin)
    assert code == 0, error
    assert snapshot(here.selection("new"))[ROWS] == committed.with_name(ROWS).read_bytes()


def test_a_damaged_origin_is_not_taken(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    here = without_part(dataset.layout, 1, tmp_path / "here")
    segment = dataset.layout.raw / "test" / "w0-000001.tar"
    data = bytearray(segment.read_bytes())
    data[dataset.rows[25]["raw_offset"] + 9] ^= 1
    segment.write_bytes(data)
    before = snapshot(here.root)
    arguments = ["select", here.root, "--from", committed, "--fetch-missing"]
    code, _, error = lostfound(*arguments, dataset.layout.root)
    assert (code, error.count("\n")) == (1, 1)
    assert "damaged" in error
    assert "test-00025" in error
    assert snapshot(here.root) == before
    segment.unlink()
    code, _, error = lostfound(*arguments, dataset.layout.root)
    assert (code, error.count("\n")) == (1, 1)
    assert "raw/test/w0-000001.tar: not there" in error
    code, _, error = lostfound(*arguments, tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert "no samples there" in error


def test_a_path_out_of_the_dataset_is_refused(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    here = without_part(dataset.layout, 1, tmp_path / "here")
    part = dataset.layout.enriched / "test" / "w0-000001.parquet"
    table = pq.read_table(part)
    column = table.schema.get_field_index("raw_segment")
    evil = pa.array(["raw/../../evil.tar"] * table.num_rows)
    pq.write_table(table.set_column(column, "raw_segment", evil), part)
    arguments = ["select", here.root, "--from", committed, "--fetch-missing"]
    code, _, error = lostfound(*arguments, dataset.layout.root)
    assert (code, error.count("\n")) == (1, 1)
    assert "not the name of a segment" in error


def test_the_list_of_what_the_web_still_has(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    here = without_part(dataset.layout, 2, tmp_path / "here")
    path = tmp_path / "missing.csv"
    code, _, error = lostfound("select", here.root, "--from", committed)
    assert "--missing-list" in error
    code, _, error = lostfound("select", here.root, "--from", committed, "--missing-list", path)
    assert (code, error.count("\n")) == (1, 1)
    assert "wrote 5 web addresses" in error
    with open(path, newline="") as file:
        listed = list(csv.DictReader(file))
    columns = find_columns(list(listed[0]), {}, "the list")
    expected = {r["source_id"]: r for r in dataset.rows if r["source"] == "urls"}
    assert {one[columns["url"]] for one in listed} == expected.keys()
    for one in listed:
        assert url_key(one["url"]) == one["key"]
        assert float(one[columns["lat"]]) == expected[one["url"]]["lat"]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("country_code", "NO", "another country"),
        ("region_id", "SWE-9", "another region"),
        ("lat", 1.5, "another position"),
        ("sha256", f"{12345:0<64x}", "another picture"),
    ],
)
def test_samples_that_are_others_here(
    elsewhere: DatasetLayout,
    committed: Path,
    lostfound: Run,
    column: str,
    value: object,
    words: str,
) -> None:
    part = elsewhere.parts()[1]
    table = pq.read_table(part)
    rows = table.to_pylist()
    rows[4][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), part)
    code, _, error = lostfound("select", elsewhere.root, "--from", committed)
    assert (code, error.count("\n")) == (1, 1)
    assert words in error
    assert rows[4]["key"] in error
    assert not elsewhere.selection("all").exists()


def damage_keys(record: Path) -> None:
    path = record.with_name(ROWS)
    pq.write_table(pq.read_table(path).slice(1), path)


def damage_order(record: Path) -> None:
    path = record.with_name(ROWS)
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), path)


def damage_split(record: Path) -> None:
    path = record.with_name(ROWS)
    table = pq.read_table(path)
    column = pa.array(["train", *table["split"].to_pylist()[1:]])
    pq.write_table(table.set_column(1, table.schema.field("split"), column), path)


BAD = [
    (lambda path: path.write_text("{"), "not JSON"),
    (lambda path: path.write_text("[1]"), "not a selection's record"),
    (lambda path: path.write_text("null"), "not a selection's record"),
    (lambda path: path.write_text('{"name": "x"}'), "no options, seed"),
    (lambda path: edit_json(path, format="lostfound-shards"), "not a selection's record"),
    (lambda path: edit_json(path, format_version=2), "update lostfound"),
    (lambda path: edit_json(path, name="../up"), "name"),
    (lambda path: path.unlink(), "No such file"),
    (lambda path: path.with_name(ROWS).write_bytes(b"version https://git-lfs"), "not Parquet"),
    (damage_keys, "not the rows"),
    (damage_order, "not the rows"),
    (damage_split, "not the rows"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_bad_files_are_one_line(
    elsewhere: DatasetLayout,
    committed: Path,
    lostfound: Run,
    change: Callable[[Path], object],
    words: str,
) -> None:
    change(committed)
    code, _, error = lostfound("select", elsewhere.root, "--from", committed)
    assert (code, error.count("\n")) == (2, 1)
    assert words in error
    assert not (elsewhere.root / "selections").exists()


def test_unknown_options_of_a_record_alone(
    elsewhere: DatasetLayout, committed: Path, lostfound: Run
) -> None:
    committed.with_name(ROWS).unlink()
    options = json.loads(committed.read_text())["options"]
    for changes, words in (({"magic": 1}, "magic"), ({"seed": "x"}, "cannot be read")):
        edit_json(committed, options=options | changes)
        code, _, error = lostfound("select", elsewhere.root, "--from", committed)
        assert (code, error.count("\n")) == (2, 1)
        assert words in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "{record}", "--where", "lat > 0"], "--where"),
        (["--from", "{record}", "--seed", "0"], "--seed"),
        (["--fetch-missing", "x"], "--from"),
        (["--missing-list", "x.csv"], "--from"),
    ],
)
def test_options_that_do_not_go_together(
    elsewhere: DatasetLayout, committed: Path, lostfound: Run, arguments: list[str], words: str
) -> None:
    arguments = [argument.format(record=committed) for argument in arguments]
    code, _, error = lostfound("select", elsewhere.root, *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert words in error


def test_fetching_what_is_missing_to_an_address(
    dataset: HandMade, committed: Path, lostfound: Run, tmp_path: Path
) -> None:
    origin = dataset.layout
    here = without_part(origin, 1, tmp_path / "here")
    there = memory()
    fill(there, here.root, "raw", "enriched")
    arguments = ["select", there, "--from", committed]
    code, _, error = lostfound(*arguments, "--fetch-missing", origin.root)
    assert code == 1
    assert "copied 1 segment(s)" in error
    assert f"lostfound enrich {there}" in error
    segment = "raw/test/w0-000001.tar"
    assert hashes(there)[segment] == hashes(origin.root)[segment]
    fill(there, origin.root, "enriched")  # as `enrich` makes them
    assert lostfound(*arguments)[0] == 0
    assert hashes(f"{there}/selections/all") == hashes(origin.selection("all"))
