"""Questions in SQL: checks that a statement only reads, and runs it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from queries.areas import add_areas
from queries.catalogue import connect
from queries.errors import decoded, nearest, sql_error, syntax_error
from queries.parameters import Value, fill
from queries.sources import Source
from shards.errors import UsageError, WorkError

BATCH_ROWS = 65_536
SAVED = Path(__file__).parent

_EXPLAIN = re.compile(r"\A\s*EXPLAIN(\s+ANALYZE)?\s+", re.IGNORECASE)
_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_OF_PAGES = frozenset({"Invalid", "IO", "Internal", "Serialization"})
"""DuckDB's kinds of errors that damaged data raise; those of a file's end are Invalid Input."""


def run_query(
    source: Source,
    sql: str,
    given: Mapping[str, Value] | None = None,
    *,
    explain: bool = False,
    unsafe: bool = False,
) -> pa.RecordBatchReader:
    """The rows that `sql` asks for, as a stream of Arrow batches, or with `explain` its plan.

    One statement that only reads (SELECT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN) on a locked
    connection; `unsafe` lifts both limits. `given` are the values of its parameters. Raises
    UsageError with DuckDB's own hint, WorkError for a damaged file; so does the stream.
    """
    connection = connect(source, locked=not unsafe)
    if not unsafe:
        check_reads_only(connection, sql)
    add_areas(connection, sql)
    try:
        values = fill(sql, _asked(connection, sql), given or {})
        if not _EXPLAIN.match(sql) and (explain or not unsafe):
            # Errors found here say where; those of a relation do not.
            plan = connection.execute(f"EXPLAIN\n{sql}", values).fetchall()
            if explain:
                return _table(explain_key=[plan[0][0]], explain_value=[plan[0][1]])
        relation: duckdb.DuckDBPyRelation | None = connection.sql(sql, params=values)
        if relation is None:  # the statement has no answer
            return _table()
        reader = relation.to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise _explained(source, error, sql) from None
    return pa.RecordBatchReader.from_batches(reader.schema, _stream(source, reader))


def check_reads_only(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises UsageError unless `sql` is one statement that only reads.

    The syntax tree decides, because a WITH clause may hold COPY, INSERT, UPDATE and DELETE.
    """
    # Blanks instead of EXPLAIN, so that errors name the right column.
    bare = _EXPLAIN.sub(lambda match: re.sub(r"\S", " ", match.group()), sql, count=1)
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [bare]).fetchall()
    tree = json.loads(text)
    if error := syntax_error(tree):
        raise sql_error(error, sql=bare)
    if tree["error"]:
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
        near = nearest(name, list(names))
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(f"no saved query {name!r}; {hint}there are {', '.join(names)}")
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


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """The names of a statement's parameters."""
    return {name for one in connection.extract_statements(sql) for name in one.named_parameters}


def _stream(source: Source, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches; DuckDB streams, so a value that cannot be cast may be found only here."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise _explained(source, error) from None
        yield batch


def _explained(source: Source, error: Exception, sql: str = "") -> UsageError | WorkError:
    message, found = decoded(error)
    kind = found.get("exception_type", "Invalid Input")
    if kind in _OF_PAGES or "arquet" in message:
        damage = source.damage(pages=True)
    else:
        damage = source.damage(pages=False) if kind == "Invalid Input" else None
    if damage:
        return WorkError(f"{damage}; if it is damaged, remove it and make it again")
    return sql_error(error, sql=sql, prefix="EXPLAIN\n")


def _table(**columns: list[str]) -> pa.RecordBatchReader:
    return pa.table(columns).to_reader()


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
