"""The two files of a selection: `selection.parquet`, its rows, and `selection.json`, their record.

Both can be committed. The rows say where each sample came from, so that another machine can tell
what it lacks. They appear together, and the ones of before stay until both are on disk.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from queries.selection.contamination import CONTENT_SQL
from queries.selection.splits import Split
from queries.views.catalogue import SELECTION_SCHEMA
from shards.atomic import TEMPORARY_PREFIX, dump_json, remove_temporaries, sync_directory
from shards.errors import UsageError, WorkError
from shards.labels import Labels
from shards.rows import SELECTION_VERSION

ROWS, RECORD = "selection.parquet", "selection.json"
FORMAT = "lostfound-selection"
ROW_GROUP_ROWS = 131_072
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NEEDED = {
    "name": str,
    "options": dict,
    "seed": int,
    "counts": dict,
    "labels": dict,
    "keys_sha256": str,
}
"""What every record has, with its type."""

DESCRIBED = (
    "key",
    "country_code",
    "country_name",
    "region_id",
    "region_name",
    "source",
    "group_id",
    "lat",
    "lon",
    # A source that knows pictures by their addresses says there what to fetch, not its page.
    "if(source_id LIKE 'http%', source_id, source_url) AS url",
    f"{CONTENT_SQL} AS content",
)
"""The columns of `selected`, of which `selection.parquet` has those of SELECTION_SCHEMA."""


def batches(connection: duckdb.DuckDBPyConnection, labels: Labels) -> Iterator[pa.RecordBatch]:
    """The rows of the table `selected` by (split, position), with SELECTION_SCHEMA."""
    classes = {
        "country_index": ("country_code", [label.code for label in labels.countries]),
        "region_index": ("region_id", [label.id for label in labels.regions]),
    }
    names = [name for name in SELECTION_SCHEMA.names if name not in classes]
    rows = connection.sql(
        f"SELECT {', '.join(names)} FROM selected ORDER BY split, position, key"  # noqa: S608
    ).to_arrow_reader(ROW_GROUP_ROWS)
    for batch in rows:
        columns = {name: batch[name] for name in names}
        for name, (column, values) in classes.items():
            indices = pc.index_in(batch[column], pa.array(values, pa.string()))
            columns[name] = pc.fill_null(indices, -1)
        yield pa.RecordBatch.from_arrays(
            [columns[name].cast(kind) for name, kind in _columns()], schema=SELECTION_SCHEMA
        )


def write_selection(
    folder: Path,
    rows: Iterable[pa.RecordBatch],
    record_for: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """Writes both files and returns the record, which `record_for` makes of the hash of the keys.

    Whatever goes wrong before both are on disk, also in `record_for`, leaves the folder as it was.
    """
    with both_written(folder) as (rows_path, record_path):
        digest = hashlib.sha256()
        with pq.ParquetWriter(
            rows_path,
            SELECTION_SCHEMA,
            compression="zstd",
            use_dictionary=["split", "country_code", "region_id", "source"],  # others are unique
        ) as writer:
            for batch in rows:
                writer.write_batch(batch)
                digest.update(_lines(batch["key"]))
        record = record_for(digest.hexdigest())
        record_path.write_text(dump_json(record), encoding="utf-8")
    return record


@contextmanager
def both_written(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yields temporary paths of the rows and the record, which then take the files' places.

    Raises WorkError when the disk is full; the files of before are still there then.
    """
    existed = folder.is_dir()
    mark = secrets.token_hex(4)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_temporaries(folder)
        rows, record = (folder / f"{TEMPORARY_PREFIX}{mark}-{name}" for name in (ROWS, RECORD))
        yield rows, record
        for path in (rows, record):
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        # Readers trust a record, so it is never beside rows that it does not describe.
        (folder / RECORD).unlink(missing_ok=True)
        rows.replace(folder / ROWS)
        record.replace(folder / RECORD)
        sync_directory(folder)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise WorkError(
            f"{folder}: the disk is full; free some room and select again"
            f"{' (the selection of before is still there)' if existed else ''}"
        ) from None
    finally:
        if folder.is_dir():
            remove_temporaries(folder)
            if not existed and not any(folder.iterdir()):
                folder.rmdir()


def read_record(path: Path) -> dict[str, Any]:
    """The content of a `selection.json`.

    Raises UsageError when it cannot be read, is none, or comes from a newer version.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise UsageError(f"{path}: {reason}; give a selection.json") from None
    version = record.get("format_version", 0) if isinstance(record, dict) else 0
    if isinstance(version, int) and version > SELECTION_VERSION:
        raise UsageError(
            f"{path}: format version {version}, but this program reads up to {SELECTION_VERSION};"
            " update lostfound"
        )
    problems = [
        name
        for name, kind in _NEEDED.items()
        if not isinstance(record, dict) or not isinstance(record.get(name), kind)
    ]
    if problems or record.get("format", FORMAT) != FORMAT:
        missing = f" (no {', '.join(problems)})" if problems else ""
        raise UsageError(f"{path}: not a selection's record{missing}; give a selection.json")
    return dict(record)


def read_rows(path: Path, record: dict[str, Any]) -> pa.Table:
    """The rows beside a record, with SELECTION_SCHEMA; checked against it.

    Raises UsageError when they are not those of the record.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: not Parquet ({str(error).splitlines()[0]})") from None
    if not table.schema.equals(SELECTION_SCHEMA):
        raise UsageError(
            f"{path}: not the columns of this version's selections; without the file its options"
            " are run again"
        )
    counts = {
        value["values"]: value["counts"] for value in table["split"].value_counts().to_pylist()
    }
    digest = hashlib.sha256()
    for chunk in table["key"].chunks:
        digest.update(_lines(chunk))
    expected = {split: count for split, count in record["counts"].items() if count}
    if digest.hexdigest() != record["keys_sha256"] or counts != expected:
        raise UsageError(f"{path}: not the rows that {RECORD} beside it describes; copy both again")
    return table


def split_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows of `selected` each split has."""
    counts = dict(
        connection.execute("SELECT split, count(*) FROM selected GROUP BY split").fetchall()
    )
    return {str(split): counts.get(str(split), 0) for split in Split}


def _columns() -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in SELECTION_SCHEMA]


def _lines(keys: pa.Array) -> bytes:
    """The keys, each with a newline behind it: what `keys_sha256` is the SHA-256 of."""
    return "".join(f"{key}\n" for key in keys.to_pylist()).encode()
