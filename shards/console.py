"""What a command shows: progress on stderr, one summary on stdout as a table or as JSON."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

PROGRESS_VARIABLE = "LOSTFOUND_PROGRESS"
"""Seconds from one line of progress to the next, where no terminal shows it: in a job's log."""
SHOWN_NODES = 8


class Advance(Protocol):
    def __call__(self, steps: int = 1, *, node: str = "") -> None: ...


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Advance]:
    """Yields a function to call with the number of steps done, and the node that did them.

    A bar on a terminal; elsewhere lines where LOSTFOUND_PROGRESS says how often, else nothing.
    """
    console = Console(stderr=True)
    done = Done(title, total)
    if not console.is_terminal:
        say = now_and_then(print_line)

        def in_lines(steps: int = 1, *, node: str = "") -> None:
            done.add(steps, node)
            say(done.line)

        yield in_lines
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)

        def advance(steps: int = 1, *, node: str = "") -> None:
            done.add(steps, node)
            bar.update(task, advance=steps, description=title + done.nodes())

        yield advance


@dataclass(slots=True)
class Done:
    """How far something is, and which nodes did how much of it."""

    title: str
    total: int | None
    steps: int = 0
    by_node: Counter[str] = field(default_factory=Counter)

    def add(self, steps: int, node: str) -> None:
        self.steps += steps
        if node:
            self.by_node[node] += steps

    def line(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        return f"{self.title}: {self.steps:,}{of}{self.nodes()}"

    def nodes(self) -> str:
        """Empty unless there are several; the busiest first."""
        if len(self.by_node) < 2:
            return ""
        ranked = sorted(self.by_node.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{node} {steps:,}" for node, steps in ranked[:SHOWN_NODES]]
        more = len(ranked) - SHOWN_NODES
        return f" ({', '.join(shown)}{f', {more} more nodes' if more > 0 else ''})"


def now_and_then(say: Callable[[str], None]) -> Callable[[Callable[[], str]], None]:
    """Calls `say` with what it is given to make, as often as LOSTFOUND_PROGRESS says, or never."""
    text = os.environ.get(PROGRESS_VARIABLE, "")
    if not text.isdecimal():
        return lambda _make: None
    at = time.monotonic() + int(text)

    def maybe(make: Callable[[], str]) -> None:
        nonlocal at
        if time.monotonic() >= at:
            at = time.monotonic() + int(text)
            say(make())

    return maybe


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
    # A path that is cut could not be copied.
    table = Table("", Column(overflow="fold"), title=title, show_header=False, title_justify="left")
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
