"""`lostfound bench scale`."""

from pathlib import Path

import typer

from shards.bench import bench_group
from shards.console import print_summary


def register(app: typer.Typer) -> None:
    """Adds the benchmarks of how far it goes."""
    bench_group(app).command("scale")(bench_scaling)


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
