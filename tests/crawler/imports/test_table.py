"""Tables as people have them: columns by many names, delimiters, byte order marks, odd rows."""

import csv
import json
from pathlib import Path

import pytest

from crawler.imports.found import Found, Problem
from crawler.imports.table import Table, find_columns
from shards.errors import UsageError, WorkError


def table(tmp_path: Path, text: str, encoding: str = "utf-8", **columns: str) -> list[Found]:
    for name in ("a.jpg", "b c.jpg"):
        (tmp_path / name).write_bytes(b"image")
    (tmp_path / "labels.csv").write_text(text, encoding=encoding)
    return list(Table(tmp_path, columns).rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = "File Name,Latitude,LNG,Country Code\na.jpg,1.5,-2.5,TR\n".replace(",", delimiter)
    [found] = table(tmp_path, text, encoding)
    assert found.path == tmp_path / "a.jpg"
    assert dict(found.fields) == {"lat": "1.5", "lon": "-2.5", "country": "TR", "extra": "{}"}


def test_quoted_cells_and_other_columns(tmp_path: Path) -> None:
    text = 'image,country,city,empty\n"b c.jpg","Korea, Republic of","Seoul\nor so",\n'
    [found] = table(tmp_path, text)
    assert found.relative == "b c.jpg"
    assert found.fields["country"] == "Korea, Republic of"
    assert json.loads(found.fields["extra"]) == {"city": "Seoul\nor so"}


def test_text_is_kept_as_found(tmp_path: Path) -> None:
    [found] = table(tmp_path, 'file,lat,lon\na.jpg,"91,200",NaN\n')
    assert (found.fields["lat"], found.fields["lon"]) == ("91,200", "NaN")


def test_given_columns_win(tmp_path: Path) -> None:
    [found] = table(tmp_path, "file,lat,lon,Y,X\na.jpg,1,2,3,4\n", lat="Y", lon="X")
    assert (found.fields["lat"], found.fields["lon"]) == ("3", "4")
    assert json.loads(found.fields["extra"]) == {"lat": "1", "lon": "2"}


def test_a_code_is_preferred_to_a_name() -> None:
    columns = find_columns(["country", "iso2", "file"], {}, Path("t.csv"))
    assert columns == {"file": "file", "country": "iso2"}


def test_bad_rows_are_problems(tmp_path: Path) -> None:
    (tmp_path.parent / "secret.jpg").write_bytes(b"x")
    names = ["", "none.jpg", "../secret.jpg", "/etc/passwd", "a.jpg"]
    rows = "".join(f'"{name}",1,2\n' for name in names)
    problems = [
        found.problem for found in table(tmp_path, f"file,lat,lon\n{rows}a.jpg\na.jpg,1,2,3,4\n")
    ]
    expected = [Problem.NO_FILE_NAME, Problem.MISSING, Problem.OUTSIDE, Problem.OUTSIDE]
    assert problems == [*expected, None, None, None]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", {}, "no column names files; there are: none"),
        ("a,b\n1,2\n", {}, "no column names files; there are: a, b"),
        ("file,lat\na.jpg,2\n", {}, "neither lat and lon nor country found; there are: file, lat"),
        ("file,lat,lon\n", {"lat": "Y"}, "no column 'Y'; there are: file, lat, lon"),
        ("file,lat,lon\n", {"latitude": "lat"}, "fields are file, lat"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, text: str, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        table(tmp_path, text, **columns)


def test_a_folder_holds_one_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must hold one CSV table, found none"):
        Table(tmp_path, {})
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("file,country\n")
    with pytest.raises(UsageError, match=r"found a\.csv, b\.csv"):
        Table(tmp_path, {})
    assert Table(tmp_path / "a.csv", {}).columns == {"file": "file", "country": "country"}


def test_a_table_that_is_none_says_where(tmp_path: Path) -> None:
    csv.field_size_limit(1 << 30)
    with pytest.raises(WorkError, match="after line 1: field larger"):
        table(tmp_path, f"file,country\na.jpg,{'x' * 200_000}\n")
