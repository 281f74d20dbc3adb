"""The command line of this stage: arguments in, one core function called, result printed."""

import re
from dataclasses import asdict

import typer

from shards.bench import bench_group
from shards.console import print_summary
from shards.errors import UsageError
from shards.export import commands as export
from shards.fetch import commands as fetch
from shards.hub import commands as hub

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def parse_size(text: str) -> int:
    """Bytes of `512MB`, `64MiB`, `1 GB` or `4096`: decimal units, binary with an i."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]I?)?B?", text.strip().upper())
    if match is None:
        raise UsageError(f"size {text!r}: write a number and a unit, like 512MB")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    app.command("build")(build)
    app.command("verify")(verify)
    fetch.register(app)
    hub.register(app)
    export.register(app)
    bench_group(app).command("build")(bench_build)


def build(
    dataset: str = typer.Argument(help="The dataset directory, or its address: s3://, gs://, …"),
    selection: str = typer.Option(..., help="Name of the selection; the shards get it too."),
    shard_size: str = typer.Option("512MB", help="Limit of one shard."),
    mix_licences: bool = typer.Option(
        False,
        "--mix-licences",
        help="Leave share-alike samples among the others, not in NAME-share-alike.",
    ),
    allow_unlicensed: bool = typer.Option(
        False, "--allow-unlicensed", help="Also samples without licence or attribution."
    ),
    workers: int | None = typer.Option(None, min=1, help="Shards written at a time; all cores."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Writes a selection as WebDataset shards with metadata, labels, card and manifest."""
    from shards.build import BuildOptions, build_shards, needed_parts
    from shards.dataset import open_dataset
    from shards.fanout import default_workers

    options = BuildOptions(parse_size(shard_size), mix_licences, allow_unlicensed)
    with open_dataset(dataset, needed_parts(selection)) as layout:
        summary = build_shards(layout, selection, options, workers=workers or default_workers())
    print_summary("Shards", asdict(summary), as_json=as_json)


def verify(
    path: str = typer.Argument(help="A shard directory, DATASET/shards/NAME, or its address."),
    workers: int | None = typer.Option(None, min=1, help="Files read at a time; all cores."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Checks shards against their manifest: one line for each defect, exit code 1 for any."""
    from shards.verify import verify_shards

    result = verify_shards(path, workers=workers)
    if as_json:
        print_summary("Verification", asdict(result), as_json=True)
    else:
        for defect in result.defects:
            print(defect)
        counts = {"files": result.files, "samples": result.samples, "defects": len(result.defects)}
        print_summary("Verification", counts, as_json=False)
    if result.defects:
        raise typer.Exit(1)


def bench_build(
    samples: int = typer.Option(200_000, min=1, help="Samples, of 2 to 10 kB."),
    rounds: int = typer.Option(3, min=1, help="Medians of so many are compared."),
    workers: int = typer.Option(1, min=1, help="Of the build."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Writing shards against `cp` of the same bytes; the memory that it takes."""
    from shards.bench_build import bench_build as measure

    result = measure(samples, rounds, workers)
    print_summary("Shards written", result, as_json=as_json)
