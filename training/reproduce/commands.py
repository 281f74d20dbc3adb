"""The verb `reproduce`: arguments in, one core function called, result printed."""

from pathlib import Path

import typer

from shards.console import print_summary


def register(app: typer.Typer) -> None:
    app.command("reproduce")(reproduce)


def reproduce(
    overrides: list[str] = typer.Argument(
        None, help="key=value, for all recipes alike: image.width=160 image.height=90"
    ),
    shards: str = typer.Option(
        ..., "--shards", help="A shard directory, as `build` writes it, or its address."
    ),
    seeds: int = typer.Option(3, "--seeds", min=1, help="Networks of each kind."),
    epochs: int = typer.Option(8, "--epochs", min=1, help="Of every network."),
    workers: int = typer.Option(
        0, "--workers", min=0, help="Networks trained at a time; 0 for as many as there are cores."
    ),
    out: Path = typer.Option(Path("reproduce"), "--out", help="Folder of runs and of the table."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as one JSON object."),
) -> None:
    """Trains the report's recipe, the same without its defects, and ours; compares them."""
    import os

    from training.reproduce.reproduce import reproduce as run
    from training.reproduce.table import markdown

    result = run(
        shards,
        out,
        seeds=seeds,
        epochs=epochs,
        overrides=overrides or [],
        workers=workers or os.cpu_count() or 1,
    )
    if as_json:
        print_summary("reproduce", result, as_json=True)
    else:
        print(markdown(result), flush=True)
