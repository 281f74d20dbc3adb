"""`lostfound import`."""

from dataclasses import asdict
from pathlib import Path

import typer

from shards.console import print_summary
from shards.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds the import's verb."""
    app.command("import")(import_command)


def import_command(
    path: Path = typer.Argument(help="A folder of photographs or pairs, or a CSV table."),
    form: str = typer.Option(..., "--format", help="Where labels stand: exif, csv or pairs."),
    out: str = typer.Option(
        ..., help="The dataset directory, made when it is not there, or an address: s3://…, gs://…"
    ),
    column: list[str] = typer.Option([], help="field=column of the table, like lat=Y; repeatable."),
    license_name: str = typer.Option("", "--license", help="For photographs that name none."),
    attribution: str = typer.Option("", help="For photographs that name nobody."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Imports photographs that are on disk. Exit code 1 when some could not be imported."""
    from crawler.imports.photos import import_photos
    from crawler.state import opened_dataset

    columns = _pairs(column)
    with opened_dataset(out) as layout:
        summary = import_photos(
            path,
            layout,
            form,
            columns=columns,
            defaults={"license": license_name, "attribution": attribution},
        )
    print_summary("Import", asdict(summary), as_json=as_json)
    if summary.problems:
        raise typer.Exit(1)


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = {}
    for option in options:
        field, equals, column = option.partition("=")
        if not (field and equals and column):
            raise UsageError(f"--column {option}: write field=column, like lat=Y")
        pairs[field] = column
    return pairs
