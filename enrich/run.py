"""Enriches a whole dataset: one task per raw segment, then the duplicates over all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enrich.duplicates.levels import count_captures, find_duplicates
from enrich.duplicates.options import DuplicateOptions, stored_options
from enrich.options import EnrichOptions
from enrich.part import PartSummary, is_current
from enrich.pipeline import enrich_segment
from enrich.refilter import refilter_segment
from enrich.settle import settle_options
from enrich.tombstones import find_tombstones
from shards import metrics
from shards.atomic import remove_temporaries
from shards.console import print_line, progress
from shards.errors import StorageError, UsageError, WorkError
from shards.fanout import fan_out
from shards.layout import DatasetLayout


@dataclass(frozen=True, slots=True)
class EnrichSummary:
    """The dataset after the run; the segment counts and the speed are of this run alone."""

    captures: int
    rows: int
    """One for each capture, and one more for each further view of a panorama."""
    kept: int
    rejected: dict[str, int]
    """By reason, duplicates included: rows = kept + the sum of these."""
    countries: int
    segments_done: int
    segments_skipped: int
    failures: list[str]
    """One line for each segment that is not a whole tar."""
    images_per_second: float

    def to_json(self) -> dict[str, Any]:
        segments = {
            "done": self.segments_done,
            "skipped": self.segments_skipped,
            "failed": len(self.failures),
        }
        return {
            "captures": self.captures,
            "rows": self.rows,
            "kept": self.kept,
            "rejected": self.rejected,
            "countries": self.countries,
            "segments": segments,
            "failures": self.failures,
            "images_per_second": round(self.images_per_second, 1),
        }


def enrich_dataset(
    layout: DatasetLayout,
    options: EnrichOptions,
    *,
    workers: int,
    force: bool = False,
    refilter: bool = False,
    duplicates: DuplicateOptions | None = None,
    say: Callable[[str], None] = print_line,
) -> EnrichSummary:
    """Writes every missing part and the duplicates. A damaged segment is a line in `failures`.

    `say` is told the options once they are accepted. With `refilter` parts that were made with
    other thresholds are brought to these; that goes on, too, when it was interrupted. Without
    `duplicates` those of the last run apply; others change the catalogue alone.

    Raises UsageError when there is nothing to enrich, or when parts with other options exist and
    neither `force` says to do them again nor `refilter` is enough.
    """
    segments = _segments(layout)
    settle_options(layout, options, force=force, refilter=refilter)
    settings = ", ".join(f"{name}={value}" for name, value in options.to_json().items())
    say(f"enrich {layout}: {settings}")
    duplicates = duplicates or stored_options(layout)
    rules = ", ".join(f"{name}={value}" for name, value in duplicates.to_json().items())
    say(f"duplicates: {rules}")
    for directory in (layout.catalog, layout.enriched, *layout.enriched.glob("*/")):
        remove_temporaries(directory)
    missing = [one for one in segments if not is_current(layout.part_rows(one), options)]
    layout.send()
    started = time.perf_counter()
    done, failures = _enrich_all(layout, {one: segments[one] for one in missing}, options, workers)
    seconds = time.perf_counter() - started
    layout.receive(map(layout.part_rows, missing))
    find_tombstones(layout)
    find_duplicates(layout, duplicates, workers=workers)
    counts = count_captures(layout)
    layout.send()
    return EnrichSummary(
        captures=counts.captures,
        rows=counts.rows,
        kept=counts.kept,
        rejected=counts.rejected,
        countries=counts.countries,
        segments_done=len(done),
        segments_skipped=len(segments) - len(missing),
        failures=failures,
        images_per_second=sum(part.captures for part in done) / seconds,
    )


def _segments(layout: DatasetLayout) -> dict[Path, int]:
    """The bytes of each, in order."""
    segments = layout.segment_sizes()
    if segments:
        return dict(sorted(segments.items()))
    if any(layout.raw.glob("*/*.tar")):
        raise UsageError(f"{layout.raw}: all segments are still open; let the crawl finish first")
    raise UsageError(f"{layout.raw}: no segments; crawl or import into {layout} first")


def _enrich_all(
    layout: DatasetLayout, segments: dict[Path, int], options: EnrichOptions, workers: int
) -> tuple[list[PartSummary], list[str]]:
    # A part that is there was decided by other thresholds.
    made = {segment for segment in segments if layout.part_rows(segment).exists()}

    def task(segment: Path) -> PartSummary | str:
        # One core per task: OpenCV's own threads would only fight with the other tasks.
        import cv2

        cv2.setNumThreads(1)
        make = refilter_segment if segment in made else enrich_segment
        before = [layout.part_tar(segment), layout.part_rows(segment)] if segment in made else []
        try:
            with layout.at_hand(segment, *before) as here:
                return make(here, here.root / layout.relative(segment), options)
        except StorageError:
            raise
        except WorkError as error:
            return str(error)

    done: list[PartSummary] = []
    failures: list[str] = []
    # The largest first, so that no core waits long for the last one.
    ordered = sorted(segments, key=segments.__getitem__, reverse=True)
    with progress("enrich", len(segments)) as advance:
        node = ""

        def on_node(name: str) -> None:
            nonlocal node
            node = name
            advance(node=name)

        count = min(workers, len(segments))
        for result in fan_out(task, ordered, workers=count, on_node=on_node):
            if isinstance(result, PartSummary):
                done.append(result)
                _measure(result, node)
            else:
                failures.append(result)
                metrics.count("lostfound_errors_total", kind="segment_unreadable")
                print_line(result)
    return done, sorted(failures)


def _measure(part: PartSummary, node: str) -> None:
    metrics.count("lostfound_enriched_captures_total", part.captures, node=node)
    metrics.count("lostfound_kept_total", part.kept, node=node)
    for reason, rows in part.rejected.items():
        metrics.count("lostfound_rejected_total", rows, reason=reason)
