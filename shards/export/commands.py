"""`lostfound export`."""

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path

import typer

from shards.console import print_summary
from shards.dataset import whole_folder


class Form(StrEnum):
    PAIRS = "pairs"
    IMG2DATASET = "img2dataset"
    MDS = "mds"


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("export")(export)


def export(
    path: str = typer.Argument(help="A shard directory or its address, or a dataset directory."),
    form: Form = typer.Option(..., "--format", help="What the other tool reads."),
    out: Path = typer.Option(..., help="The folder; new, or of an earlier export."),
    name: str | None = typer.Option(None, help="Of a dataset's shard sets, this one."),
    workers: int | None = typer.Option(None, min=1, help="Shards at a time; all cores."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Writes a shard set for other tools: the report's PNG/JSON pairs, img2dataset's tars, or MDS.

    Of a dataset, img2dataset's tables list the rejected captures, too.
    """
    from shards.export.run import export as run
    from shards.fanout import default_workers

    workers = workers or default_workers()
    with whole_folder(path) as directory:
        summary = run(directory, form.value, out, name=name, workers=workers)
    summary = replace(summary, source=path)
    print_summary("Export", asdict(summary), as_json=as_json)
