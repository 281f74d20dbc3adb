"""`lostfound bench`: this stage's benchmarks."""

import typer

from shards.bench import bench_group
from shards.console import print_summary

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def register(app: typer.Typer) -> None:
    """Adds this stage's benchmarks to the `lostfound bench` group."""
    bench_group(app).command("loader")(bench_loading)


def bench_loading(
    images: int = typer.Option(2000, min=64, help="Photographs."),
    rounds: int = typer.Option(5, min=1, help="Rounds; the median counts."),
    shards: str = typer.Option(None, help="Take them from these shards; synthetic ones else."),
    as_json: bool = _JSON,
) -> None:
    """The training loader against bare decoding of the same JPEGs, with one worker and two."""
    from training.bench.loader import bench_loader

    print_summary("bench loader", bench_loader(images, rounds, shards), as_json=as_json)
