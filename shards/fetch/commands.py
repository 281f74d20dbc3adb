"""`lostfound fetch`."""

from dataclasses import asdict
from pathlib import Path

import typer

from shards.console import print_summary


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("fetch")(fetch)


def fetch(
    source: str = typer.Argument(
        help="A shard directory: a path, http(s)://, s3://, gs:// or hf://datasets/owner/name."
    ),
    where: str = typer.Option("", help="An SQL condition over the metadata's columns."),
    out: Path = typer.Option(..., help="The folder for the images; new, or of an earlier fetch."),
    limit: int | None = typer.Option(None, min=1, help="The first so many, in the shards' order."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count what would be fetched."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Fetches just the images that meet a condition, by ranges, with their metadata.

    The folder gets KEY.jpg for each, metadata.parquet and attribution.csv. Run again, it fetches
    what is missing and removes what the condition no longer names.
    """
    from shards.fetch.run import fetch as run

    summary = run(source, where, out, limit=limit, dry_run=dry_run)
    print_summary("Fetch", asdict(summary), as_json=as_json)
