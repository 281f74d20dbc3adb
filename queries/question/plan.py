"""DuckDB's plan of a statement as an indented list, the last step first."""

import json
from collections.abc import Iterator
from typing import Any

LONGEST = 160
"""Of what is said about one step: an expanded macro would fill pages."""

_ROWS = "Estimated Cardinality"


def plan(explained: str) -> str:
    """The text of `EXPLAIN (FORMAT json)`, a line for each step with the rows that it may give."""
    return "\n".join(line for step in json.loads(explained) for line in _lines(step, 0))


def _lines(step: dict[str, Any], depth: int) -> Iterator[str]:
    said = dict(step["extra_info"])
    rows = said.pop(_ROWS, None)
    about = "; ".join(f"{name}: {_text(value)}" for name, value in said.items())
    if len(about) > LONGEST:
        about = about[:LONGEST] + "…"
    name = str(step["name"]).strip().replace("_", " ").capitalize()
    end = "" if rows is None else f" (~{int(rows):,} rows)"
    yield "  " * depth + name + end + (f"  {about}" if about else "")
    for child in step["children"]:
        yield from _lines(child, depth + 1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else " ".join(str(value).split())
