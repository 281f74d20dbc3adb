"""The condition of `fetch`: which columns it needs, and which rows meet it. SQL, by DuckDB.

It runs in an empty database that can open no file and no address, over one shard's rows at a time.
So it speaks of one row: no subqueries.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from shards.errors import UsageError

TABLE = "samples"
_ROW = "row_number_of_fetch"
_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
    "python_enable_replacements": False,
}


class Condition:
    """An SQL condition over the columns of `schema`.

    Raises UsageError, naming the columns that are alike, when it is none.
    """

    def __init__(self, sql: str, schema: pa.Schema) -> None:
        self._sql = sql.strip() or "true"
        self._connection = duckdb.connect(":memory:", config=_LOCKED)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute("SET lock_configuration = true")
        tree = self._tree()
        self._check(schema)
        self.columns = _columns(tree, schema.names)
        """Those that it names, in the order of the schema."""
        self._equals = dict(_equals(tree))

    def excludes(self, bounds: Callable[[str], tuple[Any, Any] | None]) -> bool:
        """Whether no row meets it, by a column's least and greatest value, where they are known."""
        for column in self.columns:
            wanted = self._equals.get(column.lower())
            found = bounds(column) if wanted is not None else None
            if found and isinstance(found[0], str) and not found[0] <= str(wanted) <= found[1]:
                return True
        return False

    def rows(self, table: pa.Table) -> pa.Array:
        """The numbers of the rows that meet it, ascending, given at least `columns`."""
        numbered = table.append_column(_ROW, pa.array(range(table.num_rows), pa.int64()))
        return self._ask(numbered, _ROW).column(0).combine_chunks()

    def _check(self, schema: pa.Schema) -> None:
        self._ask(schema.empty_table(), "true")

    def _ask(self, table: pa.Table, what: str) -> pa.Table:
        self._connection.register(TABLE, table)
        order = f" ORDER BY {what}" if what == _ROW else ""
        try:
            # The brackets stand on lines of their own: the condition may end in a comment.
            found = self._connection.sql(
                f"SELECT {what} FROM {TABLE} WHERE (\n{self._sql}\n){order}"  # noqa: S608
            )
            return found.to_arrow_table()
        except duckdb.Error as error:
            message = " ".join(str(error).partition("\n\nLINE ")[0].split())
            raise UsageError(f"--where {self._sql!r}: {message}") from None
        finally:
            self._connection.unregister(TABLE)

    def _tree(self) -> dict[str, Any]:
        """The syntax tree of the condition alone."""
        text = f"SELECT (\n{self._sql}\n)"
        [(found,)] = self._connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
        tree = json.loads(found)
        if tree["error"]:
            raise UsageError(f"--where {self._sql!r}: {tree['error_message']}")
        statements = tree["statements"]
        subqueries = any(node["class"] == "SUBQUERY" for node in _nodes(tree))
        if len(statements) != 1 or not _is_bare(statements[0]["node"]) or subqueries:
            raise UsageError(
                f"--where {self._sql!r}: give one condition on a row, such as"
                " country_code = 'EE', without subqueries"
            )
        condition: dict[str, Any] = statements[0]["node"]["select_list"][0]
        return condition


def _is_bare(node: dict[str, Any]) -> bool:
    """Whether a node is SELECT with one expression and nothing else."""
    return bool(
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and not any(node[part] for part in ("modifiers", "where_clause", "having", "qualify"))
    )


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All expressions of a tree."""
    if isinstance(tree, dict):
        if isinstance(tree.get("class"), str):
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _columns(tree: dict[str, Any], names: list[str]) -> list[str]:
    nodes = list(_nodes(tree))
    if any(node["class"] == "STAR" for node in nodes):
        return names
    # `a.b` may be a table's column or a column's field.
    used = {
        part.lower()
        for node in nodes
        if node["class"] == "COLUMN_REF"
        for part in node["column_names"]
    }
    return [name for name in names if name.lower() in used]


def _equals(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(column, text) for each `column = 'text'` that every row must meet."""
    if tree["type"] == "CONJUNCTION_AND":
        for child in tree["children"]:
            yield from _equals(child)
    if tree["type"] == "COMPARE_EQUAL":
        for column, value in ((tree["left"], tree["right"]), (tree["right"], tree["left"])):
            if column["class"] == "COLUMN_REF" and value["class"] == "CONSTANT":
                literal = value.get("literal", {})
                if literal.get("kind") == "STRING":
                    yield column["column_names"][-1].lower(), literal["text"]
