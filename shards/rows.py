"""The rows of a selection in the order in which they stand in shards, joined by DuckDB.

A row is final when its part keeps it and no whole-dataset rule rejects it. One that the deny-list
rejects is left out even when the selection was made before. Rows are streamed: memory stays
bounded by DuckDB's own limit, beyond which it spills to a temporary directory.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from shards.database import connect
from shards.errors import UsageError, WorkError
from shards.keys import order_hash_sql
from shards.labels import Labels, parse_labels
from shards.layout import DatasetLayout
from shards.manifest import Captures, SelectionEntry
from shards.members import KEPT_SQL, Kept, Kind, common_kind
from shards.paths import duckdb_path
from shards.plan import POSITION_BITS, Placed
from shards.rights import SHARE_ALIKE_SQL
from shards.sample import RECORD_SQL
from shards.schema import METADATA_SCHEMA, SHARD_SCHEMA, Status
from shards.tar import member_size_sql

SELECTION_VERSION = 1
"""Of `selection.json` and `selection.parquet`, as their `format_version` says."""
BATCH_ROWS = 4096
MEMORY_BYTES = 1 << 30
NODE_BITS = 20
"""Samples whose positions begin with the same so many bits are planned as one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What `select` wrote: which keys, in which split, under which labels."""

    path: Path
    entry: SelectionEntry
    labels: Labels


def load_selection(layout: DatasetLayout, name: str) -> Selection:
    """Raises UsageError, naming the selections there are, when there is none of that name."""
    directory = layout.selection(name)
    path = directory / "selection.json"
    if not path.is_file() or not (directory / "selection.parquet").is_file():
        found = sorted(p.parent.name for p in directory.parent.glob("*/selection.json"))
        there = ", ".join(found) or "none yet; run `lostfound select` first"
        raise UsageError(f"{layout.root}: no selection {name!r}; there are: {there}")
    try:
        record = json.loads(path.read_bytes())
        if record.get("format_version", 0) > SELECTION_VERSION:
            raise UsageError(
                f"{path}: format version {record['format_version']}, but this program reads up to"
                f" {SELECTION_VERSION}; update lostfound"
            )
        entry = SelectionEntry.model_validate(record)
        labels = parse_labels(json.dumps(record["labels"]), path)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise WorkError(f"{path}: not a selection's record; run `lostfound select` again") from None
    return Selection(directory / "selection.parquet", entry, labels)


class SelectedRows:
    """The final rows of one selection. Made by `open_rows`.

    They stand in the table `selected`; the view `rows` has those of one shard set.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, where: Path) -> None:
        self._connection = connection
        self._where = where

    def take(self, share_alike: bool | None) -> None:
        """From now on only samples under share-alike licences, only the others, or all (None)."""
        which = "" if share_alike is None else f"WHERE share_alike = {share_alike}"
        self._connection.execute(f"CREATE OR REPLACE VIEW rows AS FROM selected {which}")

    def mixes_licences(self) -> bool:
        """Whether there are samples under share-alike licences and others."""
        [(kinds,)] = self.query("SELECT count(DISTINCT share_alike) FROM selected")
        return bool(kinds == 2)

    def opted_out(self) -> list[str]:
        """The keys that the selection names but that the deny-list rejects now, sorted."""
        return [key for (key,) in self.query("SELECT key FROM opted_out ORDER BY key")]

    def captures(self) -> Captures:
        """What became of all captures of the dataset, selected or not."""
        counts = dict(self.query("SELECT reason, captures FROM reasons ORDER BY reason"))
        kept = counts.pop(None, 0)
        return Captures(total=kept + sum(counts.values()), kept=kept, rejected=counts)

    def splits(self) -> dict[str, int]:
        """Samples of each split, by name."""
        return dict(self.query("SELECT split, count(*) FROM rows GROUP BY ALL ORDER BY ALL"))

    def tars(self) -> list[str]:
        """The files that hold the images, sorted."""
        return [tar for (tar,) in self.query("SELECT DISTINCT tar FROM rows ORDER BY tar")]

    def kind(self) -> Kind:
        """What all samples have for members. Raises UsageError when they differ."""
        groups = self.query(f"SELECT {KEPT_SQL}, format, count(*) FROM rows GROUP BY ALL")  # noqa: S608
        return common_kind(groups, self._where)

    def placed(self, limit: int) -> Iterator[Placed]:
        """The samples by (split, position), those together whose positions begin alike.

        Samples come one by one where those that begin alike exceed `limit` bytes.
        """
        begin = f"position >> {POSITION_BITS - NODE_BITS}"
        beside = f"CASE WHEN {KEPT_SQL} = '{Kept.BESIDE}' THEN original_size END"
        sql = f"""
            WITH sizes AS (
                SELECT split, position, key, {begin} AS begin, {member_size_sql("tar_size")}
                    + {member_size_sql(f"strlen({RECORD_SQL})")}
                    + coalesce({member_size_sql(beside)}, 0) AS bytes
                FROM rows
            ),
            large AS (SELECT split, begin FROM sizes GROUP BY ALL HAVING sum(bytes) > {int(limit)})
            SELECT split, min(position) AS position, sum(bytes)::BIGINT, count(*)
            FROM sizes
            GROUP BY split, begin, CASE WHEN (split, begin) IN (FROM large) THEN key END
            ORDER BY split, position, min(key)"""  # noqa: S608 - constants and a number
        for batch in self._stream(sql):
            yield from map(Placed, *map(pa.Array.to_pylist, batch))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, with SHARD_SCHEMA; `tar` still points into `enriched/`."""
        columns = ", ".join(SHARD_SCHEMA.names)
        sql = f"SELECT {columns} FROM rows ORDER BY split, position, key"  # noqa: S608 - constants
        for batch in self._stream(sql):
            yield from pa.Table.from_batches([batch]).cast(SHARD_SCHEMA).to_batches()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All results of a query over the view `rows`."""
        return self._connection.sql(sql).fetchall()

    def _stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        # A cursor of its own: two streams run side by side.
        with self._connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            try:
                yield from cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
            except duckdb.OutOfMemoryException:
                raise
            except (duckdb.Error, pa.ArrowException) as error:
                problem = str(error).splitlines()[0]
                raise WorkError(
                    f"{self._where}: its rows cannot be put in order ({problem}); free some disk"
                    " and build again"
                ) from None


@contextmanager
def open_rows(layout: DatasetLayout, selection: Selection, folder: Path) -> Iterator[SelectedRows]:
    """Joins a selection with the dataset's parts; what memory cannot hold spills into `folder`.

    Raises WorkError, in one line, when the dataset no longer holds what was selected.
    """
    with connect(folder, MEMORY_BYTES) as connection:
        try:
            _join(connection, layout, selection)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            problem = str(error).splitlines()[0]
            raise WorkError(
                f"{layout.root}: the enriched rows cannot be read ({problem}); run `enrich` again"
            ) from None
        rows = SelectedRows(connection, selection.path)
        rows.take(None)
        _check(rows, selection)
        yield rows


def _join(
    connection: duckdb.DuckDBPyConnection, layout: DatasetLayout, selection: Selection
) -> None:
    parts = [duckdb_path(part) for part in layout.parts()]
    if not parts:
        raise WorkError(f"{layout.enriched}: no enriched rows; run `lostfound enrich` first")
    rejected = ""
    parameters: dict[str, Any] = {"parts": parts, "selection": duckdb_path(selection.path)}
    catalogue = [path for path in (layout.tombstones, layout.duplicates) if path.is_file()]
    if catalogue:
        rejected = (
            "ANTI JOIN read_parquet($catalogue, union_by_name = true) d"
            " USING (raw_segment, raw_offset, view)"
        )
        parameters["catalogue"] = [duckdb_path(path) for path in catalogue]
    metadata = ", ".join(f"e.{name}" for name in METADATA_SCHEMA.names if name != "key")
    connection.execute(
        f"""
        CREATE TABLE selected AS
        WITH kept AS (
            SELECT e.* FROM read_parquet($parts) e {rejected} WHERE e.status = '{Status.KEPT}'
        )
        SELECT s.key, {metadata}, s.split, s.country_index, s.region_index,
            e.key IS NOT NULL AS found,
            s.country_code IS DISTINCT FROM e.country_code
                OR s.region_id IS DISTINCT FROM e.region_id AS changed,
            {SHARE_ALIKE_SQL} AS share_alike,
            {order_hash_sql(selection.entry.seed, "s.key")} AS position
        FROM read_parquet($selection) s LEFT JOIN kept e ON s.key = e.key
        """,  # noqa: S608 - nothing but constants and a checked integer is put in
        parameters,
    )
    _count_reasons(connection, parts, catalogue)
    _leave_out(connection, layout)


def _count_reasons(
    connection: duckdb.DuckDBPyConnection, parts: list[str], catalogue: list[Path]
) -> None:
    """The table `reasons`: captures by final reason, null for those that are kept."""
    parameters = {"parts": parts}
    later, reason = "", "p.reason"
    for number, path in enumerate(catalogue):
        # Grouped, so that a row listed twice is still one capture.
        later += (
            f" LEFT JOIN (SELECT raw_segment, raw_offset, view, min(reason) AS reason"  # noqa: S608
            f" FROM read_parquet($file{number}) GROUP BY ALL) AS d{number}"
            " USING (raw_segment, raw_offset, view)"
        )
        reason += f", d{number}.reason"
        parameters[f"file{number}"] = [duckdb_path(path)]
    connection.execute(
        f"CREATE TABLE reasons AS SELECT coalesce({reason}, NULL) AS reason,"  # noqa: S608
        f" count(*) AS captures FROM read_parquet($parts) p {later} GROUP BY ALL",
        parameters,
    )


def _leave_out(connection: duckdb.DuckDBPyConnection, layout: DatasetLayout) -> None:
    """Takes out what the deny-list rejects since the selection was made."""
    connection.execute("CREATE TABLE opted_out (key VARCHAR)")
    if layout.tombstones.is_file():
        connection.execute(
            "INSERT INTO opted_out SELECT DISTINCT key FROM selected"
            " SEMI JOIN read_parquet($tombstones) USING (key) WHERE NOT found",
            {"tombstones": duckdb_path(layout.tombstones)},
        )
        connection.execute(
            "DELETE FROM selected USING opted_out WHERE selected.key = opted_out.key"
        )


_DEFECTS = {
    "are not kept rows": "NOT found",
    "have another country or region now": "found AND changed",
    "stand in several kept rows": "key IN (SELECT key FROM rows GROUP BY key HAVING count(*) > 1)",
}


def _check(rows: SelectedRows, selection: Selection) -> None:
    for defect, condition in _DEFECTS.items():
        [(count, first)] = rows.query(
            f"SELECT count(DISTINCT key), min(key) FROM rows WHERE {condition}"  # noqa: S608
        )
        if count:
            raise WorkError(
                f"{selection.path}: {count} of its keys {defect} (first: {first});"
                " run `lostfound enrich` and `lostfound select` again"
            )
    splits = rows.splits()
    if not splits:
        why = "the deny-list rejects all of it" if rows.opted_out() else "the selection is empty"
        raise WorkError(f"{selection.path}: {why}; select with other conditions")
    for split in splits:
        if not re.fullmatch(r"\w+", split or "", re.ASCII):
            raise WorkError(f"{selection.path}: split {split!r} is not a word; select again")
