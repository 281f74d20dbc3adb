"""Questions in SQL: checks that a statement only reads, runs it, and renders the rows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from queries.catalogue import VIEWS, connect, first_lines
from shards.errors import UsageError
from shards.layout import DatasetLayout

BATCH_ROWS = 65_536
SAVED = Path(__file__).parent

_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\s+", re.IGNORECASE)
_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})


def run_query(layout: DatasetLayout, sql: str, *, unsafe: bool = False) -> pa.RecordBatchReader:
    """The rows that `sql` asks for, as a stream of Arrow batches.

    One statement that only reads (SELECT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN) on a locked
    connection; `unsafe` lifts both limits. Raises UsageError with DuckDB's own hint.
    """
    connection = connect(layout, locked=not unsafe)
    if not unsafe:
        check_reads_only(connection, sql)
    try:
        return connection.sql(sql).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise sql_error(error) from None


def check_reads_only(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises UsageError unless `sql` is one statement that only reads.

    The syntax tree decides, because a WITH clause may hold COPY, INSERT, UPDATE and DELETE.
    """
    bare = _EXPLAIN.sub("", sql, count=1) if _EXPLAIN.match(sql) else sql
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [bare]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        if tree.get("error_type") == "parser":
            raise UsageError(f"SQL: {tree['error_message']}")
        raise UsageError(
            "SQL: only statements that read are allowed (SELECT, DESCRIBE, SUMMARIZE, SHOW,"
            " EXPLAIN; PIVOT with its values listed); --unsafe allows everything"
        )
    if len(tree["statements"]) != 1:
        raise UsageError(f"SQL: give one statement, not {len(tree['statements'])}")
    writing = {kind for kind in _node_types(tree) if kind not in _READING_NODES}
    if writing:
        names = ", ".join(sorted(kind.split("_")[0] for kind in writing))
        raise UsageError(f"SQL: {names} inside a WITH clause writes; --unsafe allows everything")


def sql_error(error: Exception, what: str = "SQL") -> UsageError:
    """One line: DuckDB's message and candidates, and the views when a table is unknown."""
    message = first_lines(error)
    if "Table with name" in message:
        message = f"{message.partition(' Did you mean')[0]} The views are {', '.join(VIEWS)}."
    return UsageError(f"{what}: {message}")


def saved_queries() -> dict[str, str]:
    """The questions that come with the package: name and the first line of its comment."""
    return {
        path.stem: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
        for path in sorted(SAVED.glob("*.sql"))
    }


def saved_query(name: str) -> str:
    """The SQL of a saved question."""
    names = saved_queries()
    if name not in names:
        raise UsageError(f"no saved query {name!r}; there are {', '.join(names)}")
    return (SAVED / f"{name}.sql").read_text(encoding="utf-8")


def statement(sql: str | None, file: Path | None, name: str | None) -> str:
    """The SQL to run, from exactly one of its three sources."""
    if [sql, file, name].count(None) != 2:
        raise UsageError("give one of: an SQL statement, --file F.sql, --name SAVED")
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise UsageError(f"{file}: {reason}") from None
    return saved_query(name) if name is not None else str(sql)


def _node_types(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        kind = tree.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE"):
            yield kind
        for value in tree.values():
            yield from _node_types(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _node_types(value)
