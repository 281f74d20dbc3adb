"""The dataset as tables: a DuckDB connection with the views that every question is put to.

`captures`    every row of `enriched/`, with the final status, reason and `duplicate_of`
`samples`     the kept ones
`duplicates`  rows that were rejected as duplicates, with the key of the one that stays
`clusters`    rows that are duplicates of one another, with the one that stays
`selections`  the rows of every selection, with the column `selection`
`shards`      the metadata rows of every built shard set, with the column `shard_set`

Each view is there from the start, empty and with the right columns until its files exist. Beside
them stand the macros of `queries.views.macros`, and for a question the table of
`queries.views.areas`.
"""

import secrets
import tempfile
from collections.abc import Iterable

import duckdb
import pyarrow as pa

from queries.question.errors import decoded
from queries.views.macros import add_macros
from queries.views.sources import LocalSource, Source, quoted
from shards.database import MEMORY_BYTES
from shards.errors import WorkError
from shards.layout import DatasetLayout
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
        ("source", pa.string()),
        ("url", pa.string()),  # the picture's own address where the source has one, else its page
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("content", pa.int64()),  # the first 15 hexadecimal digits of `sha256`
    ]
)

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("ms", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


def connect(
    dataset: DatasetLayout | Source, *, locked: bool = True, bounded: bool = False
) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the views of `VIEWS` and the macros over the dataset's files.

    When `locked`, SQL can open the files behind the views and nothing else: no other file, no
    network, no extension, no Python variable, and no setting can be changed. Times are UTC.
    When `bounded`, memory stays within that of `shards.database`, the rest goes to disk, and rows
    come in no particular order unless the query orders them.
    Raises WorkError for a file that is not readable Parquet with the columns of its schema, and
    for one that a symbolic link brings in from outside the dataset.
    """
    source = LocalSource(dataset) if isinstance(dataset, DatasetLayout) else dataset
    limits: dict[str, str | bool] = (
        {"memory_limit": f"{MEMORY_BYTES}B", "preserve_insertion_order": False} if bounded else {}
    )
    connection = duckdb.connect(
        ":memory:",
        config={
            **limits,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": not locked,
            "autoload_known_extensions": not locked,
            "allow_persistent_secrets": not locked,
            # Queries larger than memory spill there; DuckDB makes it when it needs it.
            "temp_directory": f"{tempfile.gettempdir()}/lostfound-{secrets.token_hex(8)}",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    # With positions and candidates: see `queries.question.errors`.
    connection.execute("SET errors_as_json = true")
    if locked:
        source.check()
    for name, statement in _Views(connection, source).statements().items():
        try:
            connection.execute(f"CREATE VIEW {name} AS {statement}")
        except duckdb.Error as error:
            raise WorkError(
                f"{source}: the files of {name} do not fit together"
                f" ({decoded(error)[0]}); remove the file and make it again"
            ) from None
    connection.execute("CREATE VIEW samples AS SELECT * FROM captures WHERE status = 'kept'")
    add_macros(connection)
    if locked:
        _lock(connection, source.opened)
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, paths: Iterable[str]) -> None:
    listed = ", ".join(map(quoted, sorted(paths)))
    connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


class _Views:
    """The statements behind the views of one dataset."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: Source) -> None:
        self._connection = connection
        self._source = source
        self._files = source.files

    def statements(self) -> dict[str, str]:
        return {
            "captures": self._captures(),
            "duplicates": self._catalog("duplicates", DUPLICATES_SCHEMA),
            "clusters": self._catalog("clusters", CLUSTERS_SCHEMA),
            "selections": self._labelled("selection", SELECTION_SCHEMA, self._files.selections),
            "shards": self._labelled("shard_set", SHARD_SCHEMA, self._files.shards),
        }

    def _captures(self) -> str:
        columns = ", ".join(
            {
                "status": "if(coalesce(t.reason, d.reason) IS NULL, p.status, 'rejected')"
                " AS status",
                # What one capture alone decided stands; the catalogue adds what the others decide.
                "reason": "coalesce(p.reason, t.reason, d.reason) AS reason",
                "detail": "coalesce(p.detail, t.detail, d.detail) AS detail",
            }.get(name, f"p.{name}")
            for name in METADATA_SCHEMA.names
        )
        # Grouped, so that a row listed twice in the catalogue is still one capture.
        return f"""
            SELECT {columns}, d.duplicate_of
            FROM ({self._read(METADATA_SCHEMA, self._files.parts)}) AS p
            LEFT JOIN (
                SELECT raw_segment, raw_offset, view, min(reason) AS reason,
                       min(detail) AS detail, min(duplicate_of) AS duplicate_of
                FROM ({self._catalog("duplicates", DUPLICATES_SCHEMA)})
                GROUP BY raw_segment, raw_offset, view
            ) AS d USING (raw_segment, raw_offset, view)
            LEFT JOIN (
                SELECT raw_segment, raw_offset, view, min(reason) AS reason, min(detail) AS detail
                FROM ({self._catalog("tombstones", TOMBSTONES_SCHEMA)})
                GROUP BY raw_segment, raw_offset, view
            ) AS t USING (raw_segment, raw_offset, view)"""  # noqa: S608 - names and quoted paths

    def _catalog(self, stem: str, schema: pa.Schema) -> str:
        name = self._files.catalog.get(stem)
        return self._read(schema, [] if name is None else [name])

    def _labelled(self, label: str, schema: pa.Schema, files: dict[str, list[str]]) -> str:
        """The union of several groups of files, with the group's name in the column `label`."""
        groups = [
            f"SELECT {quoted(group)} AS {label}, * FROM ({self._read(schema, names)})"  # noqa: S608
            for group, names in files.items()
        ] or [f"SELECT NULL::VARCHAR AS {label}, * FROM ({self._read(schema, [])})"]  # noqa: S608
        return " UNION ALL ".join(groups)

    def _read(self, schema: pa.Schema, names: list[str]) -> str:
        """A SELECT of the schema's columns from Parquet files, or of no rows without files."""
        types = {field.name: _SQL_TYPES[field.type] for field in schema}
        nulls = ", ".join(f"NULL::{kind} AS {name}" for name, kind in types.items())
        none = f"SELECT {nulls} LIMIT 0"
        if not names:
            return none
        columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in types.items())
        table = self._source.table(self._connection, schema, names)
        if schema is SELECTION_SCHEMA:
            # Selections of earlier versions lack columns.
            table = f"(({none}) UNION ALL BY NAME SELECT * FROM {table})"  # noqa: S608 - as below
        return f"SELECT {columns} FROM {table}"  # noqa: S608 - a name or quoted paths
