"""Enriches while the crawl still runs: each segment soon after it is sealed."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from enrich.duplicates.options import DuplicateOptions
from enrich.options import EnrichOptions
from enrich.run import EnrichSummary, enrich_dataset
from shards.console import print_line
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.segment import OPEN_SUFFIX

POLL_SECONDS = 2.0


def follow_dataset(
    layout: DatasetLayout,
    options: EnrichOptions,
    *,
    workers: int,
    idle_seconds: float = float("inf"),
    poll_seconds: float = POLL_SECONDS,
    duplicates: DuplicateOptions | None = None,
    say: Callable[[str], None] = print_line,
) -> EnrichSummary:
    """Enriches what is sealed, then waits for more, until Ctrl-C or SIGTERM.

    It also ends when for `idle_seconds` no segment was open and none was sealed. A part that was
    being written when it was stopped is done by the next run. The summary is that of the last
    whole round, with the segments and failures of all rounds.

    Raises UsageError when no segment came at all, and as `enrich_dataset`.
    """
    tried: set[Path] = set()
    total: EnrichSummary | None = None
    last_sign = time.monotonic()
    with _interrupted_by_sigterm():
        try:
            while time.monotonic() - last_sign <= idle_seconds:
                sealed = set(layout.sealed_segments())
                if sealed - tried:
                    done = enrich_dataset(
                        layout, options, workers=workers, duplicates=duplicates, say=say
                    )
                    total = _after(total, done)
                    tried |= sealed
                    say(f"enriched {done.captures} captures so far, {done.kept} kept")
                    last_sign = time.monotonic()
                elif _open_segments(layout):
                    last_sign = time.monotonic()
                time.sleep(poll_seconds)
        except KeyboardInterrupt:
            say("stopped; a part that was being written is done by the next run")
    if total is None:
        raise UsageError(f"{layout.raw}: no segment was sealed while it was followed")
    return total


def _open_segments(layout: DatasetLayout) -> bool:
    return any(layout.raw.glob(f"*/*{OPEN_SUFFIX}"))


def _after(total: EnrichSummary | None, latest: EnrichSummary) -> EnrichSummary:
    """The latest state of the dataset, with the segments done since the start."""
    if total is None:
        return latest
    return replace(
        latest,
        segments_done=total.segments_done + latest.segments_done,
        segments_skipped=total.segments_skipped,
    )


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM, which a service manager sends, ends it as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
