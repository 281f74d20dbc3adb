"""`lostfound crawl urls` and `lostfound bench urls`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from crawler.options import (
    Contact,
    Follow,
    Health,
    Json,
    MetricsPort,
    Out,
    Retry,
    StatsSeconds,
    Workers,
    finish,
    monitor_options,
    retried,
)
from crawler.sources.commands import Bbox, Country, Since, Until, area_of, moment
from shards.bench import bench_group
from shards.console import print_summary
from shards.errors import UsageError

ListAddress = Annotated[
    str,
    typer.Argument(
        metavar="LIST", help="CSV, TSV, JSON lines or Parquet; a path, or any remote address."
    ),
]


def add(crawl: typer.Typer) -> None:
    """Adds the lists to the sources."""
    crawl.command("urls")(crawl_urls_command)


def register(app: typer.Typer) -> None:
    """Adds the benchmark."""
    bench_group(app).command("urls")(bench_urls_command)


def crawl_urls_command(
    address: ListAddress,
    out: Out,
    column: list[str] = typer.Option([], help="field=column of the list, like url=Link."),
    license_name: str = typer.Option("", "--license", help="For rows that name none."),
    license_url: str = typer.Option("", help="For rows that name none."),
    attribution: str = typer.Option("", help="For rows that name nobody."),
    bbox: Bbox = "",
    country: Country = "",
    since: Since = "",
    until: Until = "",
    limit: int = typer.Option(0, min=0, help="Only so many rows from the beginning; 0 for all."),
    workers: Workers = 2,
    connections: int = typer.Option(64, min=1, help="Of one worker, to all hosts."),
    per_host: int = typer.Option(6, min=1, help="Connections of one worker to one host."),
    max_bytes: int = typer.Option(32 << 20, min=1, help="Larger pictures are not fetched."),
    timeout: float = typer.Option(60.0, min=0.1, help="Seconds for one whole answer."),
    allow_private: bool = typer.Option(
        False, "--allow-private", help="Also fetch from this machine and the local network."
    ),
    rows_per_task: int = typer.Option(1000, min=1, help="Rows that a worker takes at a time."),
    contact: Contact = "",
    retry: Retry = "",
    follow: Follow = 0.0,
    metrics_port: MetricsPort = None,
    stats_seconds: StatsSeconds = 10.0,
    health: Health = "",
    as_json: Json = False,
) -> None:
    """Fetches the pictures whose addresses stand in a list, with their coordinates."""
    from crawler.state import opened_dataset
    from crawler.urls.crawl import ListOptions, crawl_urls
    from crawler.urls.selection import Selection
    from crawler.web.client import ClientRules
    from crawler.web.transport import Timeouts

    given = {"license": license_name, "license_url": license_url, "attribution": attribution}
    options = ListOptions(
        address=address,
        columns=_pairs(column),
        defaults=given,
        follow=follow > 0,
        limit=limit,
        task_rows=rows_per_task,
        selection=Selection(
            area=area_of(bbox, country, 1) if bbox or country else None,
            since=moment("--since", since),
            until=moment("--until", until),
        ),
    )
    rules = ClientRules(
        connections=connections,
        connections_per_host=per_host,
        max_bytes=max_bytes,
        allow_private=allow_private,
        timeouts=Timeouts(total=timeout),
    )
    if follow < 0:
        raise UsageError(f"--follow {follow:g}: give the seconds from one look to the next")
    while True:
        with opened_dataset(out) as dataset:
            summary = crawl_urls(
                dataset,
                options,
                workers=workers,
                contact=contact,
                rules=rules,
                retry=retried(retry),
                monitor=monitor_options(metrics_port, stats_seconds, health, one_area=True),
            )
        finish(summary, as_json=as_json)
        if not follow:
            return
        time.sleep(follow)


def bench_urls_command(
    images: int = typer.Option(4000, min=100, help="Addresses per round."),
    rounds: int = typer.Option(3, min=1, help="Rounds, in turns; the median ratio counts."),
    img2dataset: Path | None = typer.Option(
        None, help="Its command; without it, it is installed under the cache folder."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Download and enrich against img2dataset, from one server to one output size."""
    from crawler.urls.bench import bench_urls

    result = bench_urls(images=images, rounds=rounds, img2dataset=img2dataset)
    print_summary("bench urls", result, as_json=as_json)


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = {}
    for option in options:
        name, equals, column = option.partition("=")
        if not (name and equals and column):
            raise UsageError(f"--column {option}: write field=column, like url=Link")
        pairs[name] = column
    return pairs
