"""A result as a table for people: numbers to the right, as wide as the terminal, not too long."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

NARROWEST = 16
"""Of a column with longer values; narrower ones cannot be read. No name is broken up."""
_FRAME = 3  # what a column takes beside its text
_GAP = "…"

Row = Sequence[str]


def as_table(schema: pa.Schema, rows: Sequence[Row], more: int, width: int | None) -> str:
    """A table of at most `width` columns of text (None: as wide as needed).

    Columns in the middle are left out where all do not fit. The last lines say which, and how many
    `more` rows there are.
    """
    kept = _fitting(schema.names, rows, width)
    table = Table()
    for place in kept:
        if place is None:
            table.add_column(_GAP)
            continue
        number = _is_number(schema.field(place).type)
        # Text, not markup: a value such as "[red]" is shown as it is.
        head = Text(schema.names[place])
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_GAP if place is None else Text(row[place]) for place in kept))
    text = io.StringIO()
    Console(file=text, width=width or 10_000).print(table)
    if missing := [name for place, name in enumerate(schema.names) if place not in kept]:
        names = missing[0] if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
        text.write(f"{_GAP} columns left out: {len(missing)} ({names}); --format csv shows all\n")
    if more:
        text.write(f"{_GAP} {more:,} more rows than these {len(rows):,}; --format csv shows all\n")
    return text.getvalue()


def as_plan(rows: Iterable[Row]) -> str:
    """What EXPLAIN says: rows of a title and a drawing, which no table may break up."""
    return "\n".join(row[1].rstrip() for row in rows) + "\n"


def is_plan(schema: pa.Schema) -> bool:
    return bool(schema.names == ["explain_key", "explain_value"])


def _fitting(names: list[str], rows: Sequence[Row], width: int | None) -> list[int | None]:
    """The places of the columns to show, with None where others are left out."""
    places = list(range(len(names)))
    if width is None:
        return [*places]
    needs = [
        _FRAME + _least(name, [row[place] for row in rows]) for place, name in enumerate(names)
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


def _least(name: str, values: list[str]) -> int:
    """The width that a column must have."""
    return max(cell_len(name), min(NARROWEST, max(map(cell_len, values), default=0)))


def _is_number(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
