"""The view of a running crawl on a terminal: one row per worker, and a line of totals."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from crawler.frontier import TaskState
from crawler.history import Snapshot
from crawler.stats import WorkerState, WorkerStats

Show = Callable[[Snapshot], None]

SHOWN_REASONS = 3
BAR_WIDTH = 30
STATE_STYLES = {
    WorkerState.STARTING: "dim",
    WorkerState.WORKING: "green",
    WorkerState.WAITING: "yellow",
    WorkerState.STOPPED: "dim",
}


def render(snapshot: Snapshot, *, before: int = 0, expected: int | None = None) -> RenderableType:
    """The whole view. `before`: captures of earlier runs; `expected`: of all runs in the end."""
    return Group(_workers(snapshot), _totals(snapshot, before, expected))


def _workers(snapshot: Snapshot) -> Table:
    table = Table(title=f"crawl {snapshot.source}", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("worker", no_wrap=True)
    table.add_column("node", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("state", no_wrap=True)
    for name in ("tasks", "captures", "per min", "browser"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("failed", ratio=1)
    for worker in snapshot.workers:
        table.add_row(
            worker.writer,
            worker.node,
            Text(worker.state, style=STATE_STYLES[worker.state]),
            f"{worker.tasks:,}",
            f"{worker.captures:,}",
            f"{snapshot.per_minute.get(worker.writer, 0.0):.1f}",
            mebibytes(worker.browser_bytes),
            reasons(worker),
        )
    return table


def _totals(snapshot: Snapshot, before: int, expected: int | None) -> Table:
    captures = before + snapshot.captures
    running = timedelta(seconds=int(snapshot.seconds))
    tasks = ", ".join(f"{snapshot.tasks.get(state, 0):,} {state}" for state in TaskState)
    line = Table.grid(padding=(0, 2))
    cells: list[RenderableType] = []
    if expected:
        cells.append(ProgressBar(expected, min(captures, expected), width=BAR_WIDTH))
    of = f" of {expected:,}" if expected else ""
    cells += [
        Text(f"{captures:,}{of} captures", style="bold"),
        f"{snapshot.captures_per_minute:.1f} per min",
        mebibytes(snapshot.browser_bytes),
        str(running),
    ]
    line.add_row(*(cell for cell in cells if cell))
    view = Table.grid()
    view.add_row(line)
    view.add_row(Text(f"tasks: {tasks}", style="dim"))
    return view


def mebibytes(count: int) -> str:
    """`412 MiB`; empty for 0."""
    return f"{count / (1 << 20):,.0f} MiB" if count else ""


def reasons(worker: WorkerStats) -> str:
    """The most frequent reasons of what failed, and how many more there are."""
    ranked = sorted((+worker.failed).items(), key=lambda item: (-item[1], item[0]))
    text = ", ".join(f"{reason} {count:,}" for reason, count in ranked[:SHOWN_REASONS])
    more = sum(count for _, count in ranked[SHOWN_REASONS:])
    return f"{text}, others {more:,}" if more else text


@contextmanager
def live_view(before: int = 0, expected: int | None = None) -> Iterator[Show]:
    """Yields a function that shows a snapshot on stderr; silent where that is no terminal."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda _snapshot: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda snapshot: live.update(
            render(snapshot, before=before, expected=expected), refresh=True
        )
