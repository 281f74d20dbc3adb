"""`lostfound bench scale` and `lostfound bench workers`."""

from pathlib import Path

import typer

from shards.bench import bench_group
from shards.console import print_summary


def register(app: typer.Typer) -> None:
    """Adds the benchmarks of how far it goes."""
    bench_group(app).command("scale")(bench_scaling)
    bench_group(app).command("workers")(bench_working)


def bench_scaling(
    captures: int = typer.Option(1_000_000, min=1000, help="Captures of the simulated crawl."),
    scrapers: int = typer.Option(1000, min=1, help="Scrapers that ask the frontier at once."),
    seconds: float = typer.Option(10.0, min=1.0, help="How long they ask."),
    folder: Path | None = typer.Option(None, help="Where the files are put until the end."),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON."),
) -> None:
    """Frontier, catalogue and planners for a large crawl, without its pictures."""
    from scale.bench import bench_scale

    print_summary("bench scale", bench_scale(captures, scrapers, seconds, folder), as_json=as_json)


def bench_working(
    images: int = typer.Option(1000, min=100, help="Photographs that are crawled and enriched."),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON."),
) -> None:
    """Crawl, enrich and build with 1, 2 and 4 worker processes, beside one alone."""
    from scale.workers import bench_workers

    print_summary("bench workers", bench_workers(images), as_json=as_json)
