"""Whether a statement only reads: decided by its syntax tree, before it is run.

The tree decides, because a WITH clause may hold COPY, INSERT, UPDATE and DELETE, and because some
table functions have effects (`enable_logging`), run the text that they are given (`query`), or take
addresses of memory (`arrow_scan`).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from queries.question.errors import sql_error, syntax_error
from shards.errors import UsageError

EXPLAIN = re.compile(r"\A\s*EXPLAIN(\s+ANALYZE)?\s+", re.IGNORECASE)

TABLE_FUNCTIONS = frozenset(
    {
        *("range", "generate_series", "unnest", "repeat", "json_each", "json_tree", "summary"),
        *("histogram", "histogram_values", "pg_timezone_names", "sniff_csv", "glob"),
        # The lock lets these open the files behind the views, and no others.
        *("read_parquet", "parquet_scan", "parquet_schema", "parquet_metadata"),
        *("parquet_file_metadata", "parquet_kv_metadata", "parquet_full_metadata"),
        *("read_csv", "read_csv_auto", "read_json", "read_json_auto", "read_text", "read_blob"),
        *("duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_tables"),
        *("duckdb_types", "duckdb_views", "pragma_table_info", "pragma_version"),
    }
)
"""What may stand in a FROM clause with arguments; DuckDB has no list of those without effects."""

_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})


def check_reads_only(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises UsageError unless `sql` is one statement that only reads."""
    # Blanks instead of EXPLAIN, so that errors name the right column.
    bare = EXPLAIN.sub(lambda match: re.sub(r"\S", " ", match.group()), sql, count=1)
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
    nodes = list(_nodes(tree))
    kinds = {str(node.get("type")) for node in nodes}
    writing = {kind for kind in kinds if kind.endswith("_NODE")} - _READING_NODES
    if writing:
        names = ", ".join(sorted(kind.split("_")[0] for kind in writing))
        raise UsageError(f"SQL: {names} inside a WITH clause writes; --unsafe allows everything")
    called = {_called(node) for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    if refused := sorted(called - TABLE_FUNCTIONS):
        raise UsageError(
            f"SQL: the table function {refused[0]} may do more than read;"
            " --unsafe allows everything"
        )


def _called(node: dict[str, Any]) -> str:
    return str(node["function"]["function_name"]).lower()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree of lists and objects."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)
