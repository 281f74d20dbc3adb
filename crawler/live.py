"""The view of a running crawl on a terminal: one row per worker, and a line of totals."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from crawler.frontier import TaskState
from crawler.history import NodeTotals, Snapshot
from crawler.stats import WorkerState, WorkerStats
from shards.console import now_and_then, print_line

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
    nodes = snapshot.nodes
    tables = [_workers(snapshot)] + ([_nodes(nodes)] if len(nodes) > 1 else [])
    return Group(*tables, _totals(snapshot, before, expected))


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


def _nodes(nodes: Mapping[str, NodeTotals]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("node", no_wrap=True)
    for name in ("workers", "captures", "per min", "browser", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, node in nodes.items():
        table.add_row(
            name,
            f"{node.workers:,}",
            f"{node.captures:,}",
            f"{node.per_minute:.1f}",
            mebibytes(node.browser_bytes),
            f"{node.failed:,}",
        )
    return table


def one_line(snapshot: Snapshot, before: int = 0, expected: int | None = None) -> str:
    """The same in a line, for the log of a job."""
    captures, of = before + snapshot.captures, f" of {expected:,}" if expected else ""
    nodes = [
        f"{name}: {node.workers} workers, {node.captures:,} captures, {node.per_minute:.1f} per min"
        for name, node in snapshot.nodes.items()
    ]
    tasks = ", ".join(f"{snapshot.tasks.get(state, 0):,} {state}" for state in TaskState)
    return (
        f"crawl {snapshot.source}: {captures:,}{of} captures,"
        f" {snapshot.captures_per_minute:.1f} per min; tasks: {tasks}; {'; '.join(nodes)}"
    )


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
    """Yields a function that shows a snapshot on stderr.

    Where that is no terminal: a line as often as LOSTFOUND_PROGRESS says, or nothing.
    """
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        say = now_and_then(print_line)
        yield lambda snapshot: say(lambda: one_line(snapshot, before, expected))
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda snapshot: live.update(
            render(snapshot, before=before, expected=expected), refresh=True
        )
