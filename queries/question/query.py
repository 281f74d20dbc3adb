"""Questions in SQL: given or saved, checked, and run."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from queries.question.errors import decoded, nearest, sql_error
from queries.question.parameters import Value, described, fill
from queries.question.plan import plan
from queries.question.reading import EXPLAIN, check_reads_only
from queries.views.areas import add_areas
from queries.views.catalogue import connect
from queries.views.sources import Source
from shards.errors import UsageError, WorkError

BATCH_ROWS = 65_536
SAVED = Path(__file__).parents[1]

_EXPLAIN_JSON = "EXPLAIN (FORMAT json)\n"
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
        if not EXPLAIN.match(sql) and (explain or not unsafe):
            # Errors found here say where; those of a relation do not.
            explained = connection.execute(f"{_EXPLAIN_JSON}{sql}", values).fetchall()
            if explain:
                return _table(explain_key=["plan"], explain_value=[plan(explained[0][1])])
        relation: duckdb.DuckDBPyRelation | None = connection.sql(sql, params=values)
        if relation is None:  # the statement has no answer
            return _table()
        reader = relation.to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise _explained(source, error, sql) from None
    return pa.RecordBatchReader.from_batches(reader.schema, _stream(source, reader))


def saved_queries() -> dict[str, str]:
    """The questions that come with the package: name and the first line of its comment."""
    return {
        path.stem: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
        for path in sorted(SAVED.glob("*.sql"))
    }


def listed() -> pa.RecordBatchReader:
    """The saved questions as rows: name, what they answer, their parameters."""
    names = saved_queries()
    asks = [", ".join(f"${name}" for name in described(saved_query(query))) for query in names]
    return _table(name=[*names], answers=[*names.values()], parameters=asks)


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
    return sql_error(error, sql=sql, prefix=_EXPLAIN_JSON)


def _table(**columns: list[str]) -> pa.RecordBatchReader:
    return pa.table(columns).to_reader()
