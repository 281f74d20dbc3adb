"""DuckDB's errors in one line: what is wrong, at which line and column, which names are near."""

import difflib
import json
import re
from typing import Any

import duckdb

from queries.views.areas import AREAS
from queries.views.files import VIEWS
from queries.views.macros import SIGNATURES
from shards.errors import UsageError
from shards.schema import CLUSTERS_SCHEMA, METADATA_SCHEMA, SHARD_SCHEMA

MACROS = tuple(signature.partition("(")[0] for signature in SIGNATURES)

_MACRO_CALL = re.compile(rf"\b({'|'.join(MACROS)})\s*\(", re.IGNORECASE)
_TABLE = re.compile(r'Table with name "?([^"\s]+)"? does not exist')
_COLUMN = re.compile(r'does not have a column named "([^"]+)"$')
_COLUMNS = (*METADATA_SCHEMA.names, *SHARD_SCHEMA.names, *CLUSTERS_SCHEMA.names)
_FUNCTION = re.compile(r'Function with name "?([^"\s]+)"? does not exist')


def sql_error(
    error: Exception, what: str = "SQL", *, sql: str = "", prefix: str = ""
) -> UsageError:
    """One line for the user, with candidates for a name that is unknown.

    With `sql`, the text as the user gave it, the line also says where; `prefix` is what DuckDB got
    before it. `what` is the statement's or the option's name.
    """
    if isinstance(error, duckdb.InterruptException):
        raise KeyboardInterrupt from error
    message, found = decoded(error)
    place = _place(found, sql, prefix)
    return UsageError(f"{what}: {place}{_with_names(message)}")


def decoded(error: Exception) -> tuple[str, dict[str, Any]]:
    """DuckDB's message on one line, and what it says besides: position in bytes, name, ….

    The connections of `queries.views.catalogue` have errors as JSON, except where a
    relation loses it.
    """
    text = str(error)
    start = text.find('{"exception_type"')
    if start >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(text[start:])
            # What Arrow says of a Python file system goes on with a traceback.
            message = found["exception_message"].partition(" Detail: Python exception:")[0]
            return one_line(message), found
        except (ValueError, KeyError):
            pass
    return one_line(text.partition("\n\nLINE ")[0]), {}


def one_line(text: str) -> str:
    return " ".join(text.split())


def nearest(name: str, names: tuple[str, ...] | list[str]) -> str | None:
    """The most similar of some names, if one is similar at all."""
    return next(iter(difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)), None)


def check_expression(connection: duckdb.DuckDBPyConnection, condition: str, option: str) -> None:
    """Raises UsageError, saying where, unless `condition` is one expression over `samples`."""
    prefix = "EXPLAIN SELECT\n"
    try:
        duckdb.SQLExpression(condition)
        connection.execute(f"{prefix}{condition}\nFROM samples").fetchall()
    except duckdb.ParserException as error:
        # Without a place; and the text may hold more than one statement, so it is only parsed.
        parse = "SELECT json_serialize_sql(?)"
        [(text,)] = connection.execute(parse, [f"SELECT\n{condition}\nFROM samples"]).fetchall()
        placed = syntax_error(json.loads(text))
        inside = placed and _place(decoded(placed)[1], condition, "SELECT\n")
        found = placed if placed and inside else error  # else it ends too early
        raise sql_error(found, option, sql=condition, prefix="SELECT\n") from None
    except duckdb.Error as error:
        raise sql_error(error, option, sql=condition, prefix=prefix) from None


def syntax_error(tree: dict[str, Any]) -> duckdb.Error | None:
    """What `json_serialize_sql` says of a statement that cannot be parsed, as an error."""
    if not tree["error"] or tree.get("error_type") != "parser":
        return None
    said = {"exception_type": "Parser", "exception_message": tree["error_message"]}
    return duckdb.ParserException(json.dumps(said | {"position": tree.get("position")}))


def _place(found: dict[str, Any], sql: str, prefix: str) -> str:
    """ "line 2, column 8: ", or nothing where that is not known."""
    try:
        position = int(found["position"]) - len(prefix)
    except (KeyError, TypeError, ValueError):
        return ""
    # DuckDB counts bytes.
    before, rest = (part.decode(errors="ignore") for part in _cut(sql.encode(), position))
    if position < 0 or not rest or not _plausible(found, rest, sql):
        return ""
    lines = before.split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}: "


def _cut(data: bytes, position: int) -> tuple[bytes, bytes]:
    return data[: max(position, 0)], data[max(position, 0) :]


def _plausible(found: dict[str, Any], rest: str, sql: str) -> bool:
    """Whether a position is in the statement, and not in the text of a macro that it calls."""
    if name := found.get("name"):
        return name.lower() in rest[: len(name) + 80].lower()
    return not _MACRO_CALL.search(sql)


def _with_names(message: str) -> str:
    bare = message.partition(" Did you mean")[0]
    if match := _TABLE.search(message):
        near = nearest(match[1], (*VIEWS, AREAS))
        hint = f' Did you mean "{near}"?' if near else ""
        return f"{bare}{hint} The views are {', '.join((*VIEWS, AREAS))}."
    if (match := _COLUMN.search(message)) and (near := nearest(match[1], _COLUMNS)):
        return f'{message}. Did you mean "{near}"?'
    if (match := _FUNCTION.search(message)) and (near := nearest(match[1], MACROS)):
        signature = next(text for text in SIGNATURES if text.startswith(f"{near}("))
        return f"{bare} Did you mean {signature}?"
    return message
