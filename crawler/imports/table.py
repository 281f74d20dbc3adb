"""Any table of photographs: a CSV whose columns are found by their usual names, or given."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from crawler.imports.found import Found, Problem
from shards.capture import extra_text
from shards.errors import UsageError, WorkError
from shards.paths import inside

USUAL_NAMES = {
    "file": "file filename filepath path image imagename imagepath imagefile img",
    "lat": "lat latitude gpslatitude",
    "lon": "lon lng long longitude gpslongitude",
    # A code is clearer than a name: when a table has both, the code is taken.
    "country": "iso2 isoa2 countrycode countryiso country countryname",
    "captured_at": "capturedat datetime timestamp datetaken takenat date time",
    "license": "license licence",
    "license_url": "licenseurl licenceurl",
    "attribution": "attribution author photographer credit creator source",
    "source_url": "sourceurl url pageurl",
    "group_id": "groupid group sequenceid sequence",
}
"""Fields of a capture (and `file`) with the column names that are taken for them, best first."""

DELIMITERS = ",;\t|"
TABLE_SUFFIXES = (".csv", ".tsv")
MAX_CELL = 1 << 17


class Table:
    """An open question about a CSV is answered here: delimiter, encoding, which column is what."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        """`path` is a CSV, or a folder that holds exactly one; `columns` maps fields to columns.

        Raises UsageError when the table, a column that was named, or one that is needed is
        missing.
        """
        self.path = _table_path(path)
        self.folder = self.path.parent
        with self._open() as file:
            line = file.readline()
        self._delimiter = max(DELIMITERS, key=line.count)
        self.header = next(csv.reader([line], delimiter=self._delimiter), [])
        self.columns = find_columns(self.header, columns, self.path)

    def rows(self) -> Iterator[Found]:
        """The rows in the table's order. Paths are relative to the table's folder."""
        csv.field_size_limit(MAX_CELL)  # of the process: other libraries lift it
        with self._open() as file:
            reader = csv.DictReader(file, delimiter=self._delimiter, restval="")
            try:
                for row in reader:
                    yield self._found({name: value or "" for name, value in row.items() if name})
            except csv.Error as error:
                raise WorkError(
                    f"{self.path}: after line {reader.line_num}: {error}; correct the table"
                ) from None

    def _found(self, row: Mapping[str, str]) -> Found:
        used = {field: row.get(column, "").strip() for field, column in self.columns.items()}
        relative = used.pop("file")
        if not relative:
            return Found("", None, problem=Problem.NO_FILE_NAME)
        path = inside(self.folder, relative)
        if path is None:
            return Found(relative, None, problem=Problem.OUTSIDE)
        taken = set(self.columns.values())
        rest = {name: value for name, value in row.items() if name not in taken and value}
        fields = {**used, "extra": extra_text(rest)}
        return Found(relative, path, fields, problem=None if path.is_file() else Problem.MISSING)

    def _open(self) -> TextIO:
        try:
            with open(self.path, "rb") as file:
                start = file.read(2)
            encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            return open(self.path, encoding=encoding, errors="replace", newline="")
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read ({error.strerror})") from None


def find_columns(header: list[str], given: Mapping[str, str], where: Path) -> dict[str, str]:
    """The column of each field: as given, else by its usual names.

    Raises UsageError naming the columns there are, when one is missing.
    """
    columns = choose_columns(header, given, USUAL_NAMES, str(where))
    there = ", ".join(filter(None, header)) or "none"
    if "file" not in columns:
        raise UsageError(f"{where}: no column names files; there are: {there}; --column file=NAME")
    if not ({"lat", "lon"} <= columns.keys() or "country" in columns):
        raise UsageError(
            f"{where}: neither lat and lon nor country found; there are: {there};"
            " --column lat=NAME --column lon=NAME"
        )
    return columns


def choose_columns(
    header: list[str], given: Mapping[str, str], usual: Mapping[str, str], where: str
) -> dict[str, str]:
    """The column of each field of `usual` that has one: as given, else the best usual name.

    Raises UsageError for a field or a column that is not there.
    """
    there = ", ".join(filter(None, header)) or "none"
    for field, column in given.items():
        if field not in usual:
            raise UsageError(f"--column {field}={column}: fields are {', '.join(usual)}")
        if column not in header:
            raise UsageError(f"{where}: no column {column!r}; there are: {there}")
    plain = {_plain(name): name for name in reversed(header)}
    columns = {}
    for field, names in usual.items():
        found = [plain[name] for name in names.split() if name in plain]
        if field in given or found:
            columns[field] = given.get(field) or found[0]
    return columns


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _table_path(path: Path) -> Path:
    if not path.is_dir():
        return path
    tables = sorted(p for p in path.iterdir() if p.suffix.lower() in TABLE_SUFFIXES)
    if len(tables) != 1:
        found = ", ".join(table.name for table in tables) or "none"
        raise UsageError(f"{path}: must hold one CSV table, found {found}; give the table's path")
    return tables[0]
