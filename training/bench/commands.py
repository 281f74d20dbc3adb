"""`lostfound bench`: this stage's benchmarks."""

import typer

from shards.bench import bench_group
from shards.console import print_summary

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def register(app: typer.Typer) -> None:
    """Adds this stage's benchmarks to the `lostfound bench` group."""
    bench_group(app).command("loader")(bench_loading)
    bench_group(app).command("train")(bench_training)
    bench_group(app).command("serve")(bench_serving)


def bench_loading(
    images: int = typer.Option(2000, min=64, help="Photographs."),
    rounds: int = typer.Option(5, min=1, help="Rounds; the median counts."),
    shards: str = typer.Option(None, help="Take them from these shards; synthetic ones else."),
    as_json: bool = _JSON,
) -> None:
    """The training loader against bare decoding of the same JPEGs, with one worker and two."""
    from training.bench.loader import bench_loader

    print_summary("bench loader", bench_loader(images, rounds, shards), as_json=as_json)


def bench_training(
    network: str = typer.Option(None, help="One network, instead of the usual cases."),
    size: str = typer.Option("130x80", help="Its input, WIDTHxHEIGHT."),
    batch: int = typer.Option(256, min=2, help="Images of a step."),
    precision: str = typer.Option("bfloat16", help="bfloat16 or float32."),
    threads: int = typer.Option(8, min=0, help="Threads that decode."),
    compiled: bool = typer.Option(False, "--compile", help="Compile the network."),
    steps: int = typer.Option(
        0, min=0, help="Of a measurement.", show_default="60 on a GPU, else 6"
    ),
    rounds: int = typer.Option(3, min=1, help="Rounds; the median counts."),
    as_json: bool = _JSON,
) -> None:
    """Training from shards against training on images that are on the device already."""
    from training.bench.train import bench_train, case_of

    case = case_of(network, size, batch, precision, threads, compiled) if network else None
    result = bench_train([case] if case else None, steps, rounds)
    print_summary("bench train", result, as_json=as_json)


def bench_serving(
    images: int = typer.Option(400, min=1, help="Photographs of a round."),
    rounds: int = typer.Option(3, min=1, help="Rounds; the median counts."),
    network: str = typer.Option("resnet18", help="Of a model that has learnt nothing."),
    clients: int = typer.Option(64, min=1, help="That send at once."),
    as_json: bool = _JSON,
) -> None:
    """Images per second over HTTP against the same network without it; latencies."""
    from training.bench.serving import bench_serve

    print_summary("bench serve", bench_serve(images, rounds, network, clients), as_json=as_json)
