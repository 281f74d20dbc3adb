"""A result as a table for people: numbers to the right, as wide as the terminal, not too long."""

import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

TABLE_ROWS = 1_000
"""A table is for reading: longer results end with a line that says so."""
NARROWEST = 12
"""Of a column whose values are longer; narrower ones cannot be read."""
_FRAME = 3  # what a column takes beside its text
_GAP = "…"

Row = Sequence[str]


def as_table(schema: pa.Schema, rows: Iterable[Row], width: int | None) -> tuple[str, int]:
    """The table as text of at most `width` columns (None: as wide as needed), and its rows' number.

    Columns in the middle are left out where all do not fit, and the rows after `TABLE_ROWS`; the
    last lines say which and how many.
    """
    each = iter(rows)
    shown = list(islice(each, TABLE_ROWS))
    more = sum(1 for _ in each)
    kept = _fitting(schema.names, shown, width)
    table = Table()
    for place in kept:
        if place is None:
            table.add_column(_GAP)
        else:
            number = _is_number(schema.field(place).type)
            # Text, not markup: a value such as "[red]" is shown as it is.
            head = Text(schema.names[place])
            table.add_column(head, justify="right" if number else "left", overflow="fold")
    for row in shown:
        table.add_row(*(_GAP if place is None else Text(row[place]) for place in kept))
    text = io.StringIO()
    Console(file=text, width=width or 10_000).print(table)
    if missing := [name for place, name in enumerate(schema.names) if place not in kept]:
        text.write(f"{_GAP} {len(missing)} more columns, from {missing[0]} to {missing[-1]};")
        text.write(" --format csv shows all\n")
    if more:
        text.write(f"{_GAP} {more:,} more rows than these {TABLE_ROWS:,}; --format csv shows all\n")
    return text.getvalue(), len(shown) + more


def as_plan(rows: Iterable[Row]) -> str:
    """What EXPLAIN says: rows of a title and a drawing, which no table may break up."""
    return "\n".join(row[1].rstrip() for row in rows) + "\n"


def is_plan(schema: pa.Schema) -> bool:
    return bool(schema.names == ["explain_key", "explain_value"])


def _fitting(names: list[str], rows: list[Row], width: int | None) -> list[int | None]:
    """The places of the columns to show, with None where others are left out."""
    places = list(range(len(names)))
    if width is None:
        return [*places]
    needs = [
        _FRAME + min(NARROWEST, max(map(cell_len, (name, *(row[place] for row in rows)))))
        for place, name in enumerate(names)
    ]
    left = width - 1
    if sum(needs) <= left:
        return [*places]
    left -= _FRAME + len(_GAP)
    front: list[int | None] = []
    back: list[int | None] = []
    # In turn from both ends: what comes first and what was computed last matter most.
    for number in places:
        ours = number % 2 == 0
        place = len(front) if ours else len(names) - 1 - len(back)
        if needs[place] > left:
            break
        left -= needs[place]
        (front if ours else back).append(place)
    return [*(front or [0]), None, *reversed(back)]


def _is_number(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
