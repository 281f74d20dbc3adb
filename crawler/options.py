"""Options that all sources of `lostfound crawl` share, with one wording for each."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shards.console import print_summary
from shards.errors import UsageError, WorkError

if TYPE_CHECKING:
    from crawler.crawl import CrawlSummary
    from crawler.monitor import MonitorOptions
    from crawler.reasons import FailReason

Out = Annotated[
    str, typer.Option(help="Dataset directory, made if it does not exist; or an s3:// address.")
]
Workers = Annotated[int, typer.Option(help="Ray actors; `crawl --scale` changes it meanwhile.")]
Contact = Annotated[str, typer.Option(help="Where a site's operator can reach you: mail or URL.")]
Retry = Annotated[
    str, typer.Option(help="Also try again what failed for these reasons: not_found,… or all.")
]
Follow = Annotated[
    float, typer.Option(help="Look for what is new every so many seconds, until stopped.")
]
AcceptTerms = Annotated[
    bool, typer.Option("--accept-terms", help="You accept the source's terms; it is recorded.")
]
MetricsPort = Annotated[
    int | None, typer.Option(help="Serve Prometheus metrics on this port of 127.0.0.1.")
]
StatsSeconds = Annotated[float, typer.Option(help="From one line of stats.jsonl to the next.")]
NoHealth = Annotated[
    bool, typer.Option("--no-health-checks", help="Go on although the captures look worthless.")
]
Json = Annotated[bool, typer.Option("--json", help="The summary as JSON.")]


def retried(text: str) -> "Iterable[FailReason]":
    """The reasons to try again: those that always are, and those of `--retry`."""
    from crawler.reasons import TRANSIENT, parse_reasons

    return TRANSIENT | parse_reasons(text)


def finish(summary: "CrawlSummary", *, as_json: bool) -> None:
    """Prints how a crawl ended. Raises WorkError when tasks failed: exit code 1."""
    from crawler.reasons import count_text

    print_summary(f"crawl {summary.source}", summary.to_dict(), as_json=as_json)
    if summary.tasks_failed:
        raise WorkError(
            f"{summary.tasks_failed} tasks failed ({count_text(summary.failed.items())});"
            " run it again for those that may succeed, --retry REASON for others"
        )


def local_directory(out: str) -> Path:
    """`--out` as a directory of this machine. Raises UsageError for an address."""
    if "://" in out:
        raise UsageError(f"--out {out}: give a directory of this machine")
    return Path(out)


def monitor_options(
    metrics_port: int | None, stats_seconds: float, *, no_health: bool
) -> "MonitorOptions":
    from crawler.health import Thresholds
    from crawler.monitor import MonitorOptions

    return MonitorOptions(
        stats_seconds=stats_seconds,
        metrics_port=metrics_port,
        health=Thresholds(min_captures=0) if no_health else Thresholds(),
    )
