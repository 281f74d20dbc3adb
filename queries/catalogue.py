"""The dataset as tables: a DuckDB connection with the views that every question is put to.

`captures`    every row of `enriched/`, with the final status, reason and `duplicate_of`
`samples`     the kept ones
`clusters`    rows that are duplicates of one another, with the one that stays
`selections`  the rows of every selection, with the column `selection`
`shards`      the metadata rows of every built shard set, with the column `shard_set`

Each view is there from the start, empty and with the right columns until its files exist.
"""

import secrets
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from shards.errors import WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import (
    CLUSTERS_SCHEMA,
    DUPLICATES_SCHEMA,
    METADATA_SCHEMA,
    SHARD_SCHEMA,
    TOMBSTONES_SCHEMA,
)

SELECTION_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.string()),
        ("country_code", pa.string()),
        ("region_id", pa.string()),
        ("country_index", pa.int32()),  # -1 for a country that training lacks
        ("region_index", pa.int32()),
    ]
)
VIEWS = ("captures", "samples", "clusters", "selections", "shards")

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("ms", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


def connect(layout: DatasetLayout, *, locked: bool = True) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the views of `VIEWS` over the dataset's files.

    When `locked`, SQL can open the files behind the views and nothing else: no other file, no
    network, no extension, no Python variable, and no setting can be changed. Times are UTC.
    Raises WorkError for a file that is not readable Parquet with the columns of its schema.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "python_enable_replacements": False,
            "autoinstall_known_extensions": not locked,
            "autoload_known_extensions": not locked,
            # Queries larger than memory spill there; DuckDB makes it when it needs it.
            "temp_directory": f"{tempfile.gettempdir()}/lostfound-{secrets.token_hex(8)}",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    views = _View.of(layout)
    for view in views:
        try:
            connection.execute(view.statement)
        except duckdb.Error as error:
            raise WorkError(
                f"{layout.root}: the files of {view.name} do not fit together"
                f" ({first_lines(error)}); remove the file and make it again"
            ) from None
    connection.execute("CREATE VIEW samples AS SELECT * FROM captures WHERE status = 'kept'")
    if locked:
        _lock(connection, [file for view in views for file in view.files])
    return connection


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def first_lines(error: Exception) -> str:
    """What DuckDB says, with its hint, without the excerpt of the statement."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())


def _lock(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> None:
    # DuckDB asks for a pattern as it is written, then for the file that it finds.
    names = sorted({name for file in files for name in (duckdb_path(file), str(file.resolve()))})
    paths = ", ".join(map(quoted, names))
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


class _View:
    """One view: its name, the statement that makes it, the files that it reads."""

    def __init__(self, name: str, body: str, files: list[Path]) -> None:
        self.name = name
        self.statement = f"CREATE VIEW {name} AS {body}"
        self.files = files

    @classmethod
    def of(cls, layout: DatasetLayout) -> "list[_View]":
        return [_captures(layout), _clusters(layout), _selections(layout), _shards(layout)]


def _captures(layout: DatasetLayout) -> _View:
    parts = layout.parts()
    duplicates = [path for path in [layout.duplicates] if path.is_file()]
    tombstones = [path for path in [layout.tombstones] if path.is_file()]
    columns = ", ".join(
        {
            "status": "if(coalesce(t.reason, d.reason) IS NULL, p.status, 'rejected') AS status",
            # What one capture alone decided stands; the catalogue adds what the others decide.
            "reason": "coalesce(p.reason, t.reason, d.reason) AS reason",
            "detail": "coalesce(p.detail, t.detail, d.detail) AS detail",
        }.get(name, f"p.{name}")
        for name in METADATA_SCHEMA.names
    )
    # Grouped, so that a row listed twice in the catalogue is still one capture.
    body = f"""
        SELECT {columns}, d.duplicate_of
        FROM ({_read(METADATA_SCHEMA, parts)}) AS p
        LEFT JOIN (
            SELECT raw_segment, raw_offset, view, min(reason) AS reason,
                   min(detail) AS detail, min(duplicate_of) AS duplicate_of
            FROM ({_read(DUPLICATES_SCHEMA, duplicates)})
            GROUP BY raw_segment, raw_offset, view
        ) AS d USING (raw_segment, raw_offset, view)
        LEFT JOIN (
            SELECT raw_segment, raw_offset, view, min(reason) AS reason, min(detail) AS detail
            FROM ({_read(TOMBSTONES_SCHEMA, tombstones)})
            GROUP BY raw_segment, raw_offset, view
        ) AS t USING (raw_segment, raw_offset, view)"""  # noqa: S608 - names and quoted paths only
    return _View("captures", body, parts + duplicates + tombstones)


def _clusters(layout: DatasetLayout) -> _View:
    files = [path for path in [layout.clusters] if path.is_file()]
    return _View("clusters", _read(CLUSTERS_SCHEMA, files), files)


def _selections(layout: DatasetLayout) -> _View:
    """A selection counts once its `selection.json`, written last, is there."""
    files = {
        folder.name: [folder / "selection.parquet"]
        for folder in _folders(layout.root / "selections", "selection.json")
    }
    return _labelled("selections", "selection", SELECTION_SCHEMA, files)


def _shards(layout: DatasetLayout) -> _View:
    files = {
        folder.name: sorted(folder.glob("metadata/[!.]*.parquet"))
        for folder in _folders(layout.root / "shards", "manifest.json")
    }
    return _labelled("shards", "shard_set", SHARD_SCHEMA, files)


def _folders(parent: Path, last_file: str) -> list[Path]:
    return sorted(path.parent for path in parent.glob(f"*/{last_file}") if is_key(path.parent.name))


def _labelled(name: str, label: str, schema: pa.Schema, files: dict[str, list[Path]]) -> _View:
    """The union of several groups of files, with the group's name in the column `label`."""
    groups = [
        f"SELECT {quoted(group)} AS {label}, * FROM ({_read(schema, paths)})"  # noqa: S608
        for group, paths in files.items()
    ] or [f"SELECT NULL::VARCHAR AS {label}, * FROM ({_read(schema, [])})"]  # noqa: S608
    return _View(name, " UNION ALL ".join(groups), [p for paths in files.values() for p in paths])


def _read(schema: pa.Schema, files: Sequence[Path]) -> str:
    """A SELECT of the schema's columns from Parquet files, or of no rows without files."""
    types = {field.name: _SQL_TYPES[field.type] for field in schema}
    if not files:
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in types.items())
        return f"SELECT {columns} LIMIT 0"
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in types.items())
    paths = ", ".join(quoted(duckdb_path(file)) for file in files)
    return f"SELECT {columns} FROM read_parquet([{paths}])"  # noqa: S608 - quoted paths only
