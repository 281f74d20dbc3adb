"""However a list is cut, its ranges hold each row once, in order, as the whole list does."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.urls.ranges import BadRow, Format, Range, Reader, open_reader
from shards.errors import UsageError, WorkError

CELL = st.text(st.sampled_from('ab,;"\n\r\t \u2028é\x0b'), max_size=6)


def reader_of(path: Path, content: bytes) -> Reader:
    path.write_bytes(content)
    return open_reader(path, path.name)


def rows_of(reader: Reader, task_rows: int) -> list[object]:
    parts = list(reader.cut(task_rows, 0, reader.begin()))
    found = []
    for number, part in enumerate(parts):
        rows = list(reader.read(part))
        assert len(rows) == part.rows
        assert part.first == sum(one.rows for one in parts[:number])
        found += rows
    return found


@settings(deadline=None, max_examples=200)
@given(
    rows=st.lists(st.tuples(CELL, CELL), max_size=12),
    task_rows=st.integers(1, 5),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_csv_ranges_give_the_rows_that_were_written(
    rows: list[tuple[str, str]], task_rows: int, delimiter: str, ending: str, bom: bool
) -> None:
    # An address leads each row: no row is blank, and no field begins a list as JSON would.
    rows = [(f"u{number}", *row) for number, row in enumerate(rows)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        with path.open("w", newline="", encoding="utf-8-sig" if bom else "utf-8") as file:
            # The csv module does not know by itself that a lone return needs quotes.
            quoting = (
                csv.QUOTE_ALL
                if any("\r" in cell for row in rows for cell in row)
                else csv.QUOTE_MINIMAL
            )
            writer = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoting)
            writer.writerows([("url", "a b", "c"), *rows])
        reader = open_reader(path, "list")
        assert reader.format is Format.CSV
        assert reader.header() == ["url", "a b", "c"]
        found = rows_of(reader, task_rows)
    assert found == [{"url": url, "a b": a, "c": b} for url, a, b in rows]


def test_blank_lines_are_no_rows_and_a_last_line_needs_no_end(tmp_path: Path) -> None:
    reader = reader_of(tmp_path / "l", b"\n url \tx\n\n\t\na\t1\n \r\nb\t2")
    assert reader.header() == ["url", "x"]
    assert rows_of(reader, 1) == [{"url": "a", "x": "1"}, {"url": "b", "x": "2"}]


def test_a_range_reads_its_own_bytes_alone(tmp_path: Path) -> None:
    reader = reader_of(tmp_path / "l.csv", b"url,x\na,1\nb,2\nc,3\n")
    first, second, third = reader.cut(1, 0, reader.begin())
    assert second == Range(first=1, rows=1, start=10, end=14)
    data = bytearray((tmp_path / "l.csv").read_bytes())
    data[first.start : first.end] = b"\xff" * 4
    data[third.start : third.end] = b'"' * 4
    (tmp_path / "l.csv").write_bytes(data)
    assert list(reader.read(second)) == [{"url": "b", "x": "2"}]


def test_rows_of_the_wrong_length(tmp_path: Path) -> None:
    reader = reader_of(tmp_path / "l.csv", b"url,x\na\nb,1,2\n")
    short, long = rows_of(reader, 10)
    assert short == {"url": "a"}
    assert isinstance(long, BadRow)
    assert "3 fields" in long.detail


def test_json_lines(tmp_path: Path) -> None:
    lines = [b'{"url": "a", "lat": 1.10}', b"", b"[1]", b'{"url": ', b'{"url": "b", "z": null}']
    reader = reader_of(tmp_path / "l", b"\n".join(lines))
    assert reader.format is Format.JSON_LINES
    assert reader.header() == ["url", "lat", "z"]
    a, array, cut, b = rows_of(reader, 2)
    assert str(a["lat"]) == "1.10"  # type: ignore[index]
    assert array == BadRow("not a JSON object")
    assert isinstance(cut, BadRow)
    assert cut.detail.startswith("not JSON")
    assert b == {"url": "b", "z": None}


@settings(deadline=None, max_examples=30)
@given(
    rows=st.integers(0, 60),
    group=st.integers(1, 25),
    task_rows=st.integers(1, 30),
    order=st.randoms(use_true_random=False),
)
def test_parquet_ranges_in_any_order(rows: int, group: int, task_rows: int, order: object) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        table = pa.table({"url": [f"u{number}" for number in range(rows)]})
        pq.write_table(table, path, row_group_size=group)
        reader = open_reader(path, "list")
        parts = list(reader.cut(task_rows, 0, 0))
        assert sum(part.rows for part in parts) == rows
        order.shuffle(parts)  # type: ignore[attr-defined]
        found = {part.first: list(reader.read(part)) for part in parts}
    everything = [row for first in sorted(found) for row in found[first]]
    assert everything == [{"url": f"u{number}"} for number in range(rows)]


def cut_whole(path: Path, content: bytes) -> None:
    reader = reader_of(path, content)
    reader.header()
    list(reader.cut(10, 0, reader.begin()))


def damaged_parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"url": ["a" * 99] * 99}), path)
    return path.read_bytes()[:-20]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda _: b"", "is empty"),
        (lambda _: b"\xef\xbb\xbf\n\n", "is empty"),
        (lambda _: "url,lat\n".encode("utf-16"), "UTF-8"),
        (lambda _: b"\x89PNG\r\n\x1a\n\0\0", "neither Parquet nor UTF-8 text"),
        (lambda _: b'[{"url": "a"}]', "a JSON array"),
        (lambda _: b"{]\n", "no line is a JSON object"),
        (lambda _: b",,\na,b,c\n", "names no columns"),
        (lambda _: b'url,x\na,1\n"b,2\nc,3\n', "'\"b,2'"),
        (lambda _: b'url,x\n"a"b",2\n', "correct its quotes"),
        (damaged_parquet, "not a whole Parquet file"),
    ],
)
def test_what_is_no_list(tmp_path: Path, content: Callable[[Path], bytes], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        cut_whole(tmp_path / "l", content(tmp_path / "l"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_pages_of_a_parquet_list(tmp_path: Path) -> None:
    path = tmp_path / "l"
    pq.write_table(pa.table({"url": [f"u{n}" for n in range(5000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[100:4000] = bytes(3900)
    path.write_bytes(data)
    reader = open_reader(path, "l")
    with pytest.raises(WorkError, match="restore the list"):
        list(reader.read(Range(0, 10, 0, 10)))


def test_the_prefix_digest_sees_every_byte_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    whole = b"url,x\na,1\nb,2"
    digest = reader_of(path, whole).prefix_digest(len(whole), "url")
    for grown, same in ((b"\nc,3", True), (b"\r\n", True), (b"2", False)):
        assert (reader_of(path, whole + grown).prefix_digest(13, "url") == digest) is same
    changed = reader_of(path, whole.replace(b"a", b"A"))
    assert changed.prefix_digest(13, "url") != digest
    lines = [json.dumps({"url": name}) for name in "ab"]
    short = reader_of(path, lines[0].encode()).prefix_digest(12, "url")
    assert reader_of(path, "\n".join(lines).encode()).prefix_digest(12, "url") == short
