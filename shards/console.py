"""What a command shows: progress on stderr, one summary on stdout as a table or as JSON."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


class Advance(Protocol):
    def __call__(self, steps: int = 1) -> None: ...


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Advance]:
    """Yields a function to call with the number of steps done. A bar on a terminal, else silent."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps=1: bar.advance(task, steps)


def print_line(text: str) -> None:
    """One line of progress, for people."""
    print(text, file=sys.stderr, flush=True)


def say_nothing(text: str) -> None:
    """In place of `print_line`, for a caller that tells the user itself what is done."""


def print_summary(title: str, summary: Mapping[str, Any], *, as_json: bool) -> None:
    """The end of every command: nested mappings become indented rows of the table."""
    if as_json:
        print(json.dumps(summary, ensure_ascii=False, allow_nan=False), flush=True)
        return
    table = Table(title=title, show_header=False, title_justify="left")
    _add_rows(table, summary, 0)
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def _add_rows(table: Table, values: Mapping[str, Any], depth: int) -> None:
    for name, value in values.items():
        label = "  " * depth + str(name).replace("_", " ")
        if isinstance(value, Mapping):
            table.add_row(label, "" if value else "none")
            _add_rows(table, value, depth + 1)
        elif isinstance(value, float):
            table.add_row(label, f"{value:,.4g}")
        elif isinstance(value, int) and not isinstance(value, bool):
            table.add_row(label, f"{value:,}")
        elif isinstance(value, list):
            table.add_row(label, ", ".join(map(str, value)) or "none")
        else:
            table.add_row(label, "-" if value is None else str(value))
