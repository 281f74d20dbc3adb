"""Options that all sources of `lostfound crawl` share, with one wording for each."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from shards.console import print_summary
from shards.errors import WorkError

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
Health = Annotated[
    str,
    typer.Option(help="When to end a worthless run: max_blank=0.3,min_located=0.7,… or off."),
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


def monitor_options(
    metrics_port: int | None, stats_seconds: float, health: str, *, one_area: bool = False
) -> "MonitorOptions":
    """`one_area`: all captures may well come from one place."""
    from crawler.health import parse_thresholds
    from crawler.monitor import MonitorOptions

    if one_area and health != "off":
        health = f"max_one_place=1,{health}"
    return MonitorOptions(
        stats_seconds=stats_seconds, metrics_port=metrics_port, health=parse_thresholds(health)
    )
