"""The verbs of a trained model in use: arguments in, one core function called, result printed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from shards.console import print_line, print_summary, progress

if TYPE_CHECKING:
    from training.deploy.sources import Fetch, Found, OpenFetcher

_MODEL = typer.Argument(..., help="A model file or a run directory.")
_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_REFINE = typer.Option(
    None, "--refine", help="Positions from training photographs that look alike; see `embed`."
)
_TOP = typer.Option(5, "--top", help="How many countries and regions to name.")
Refinement = Literal["neighbours", "prototypes"] | None


def register(app: typer.Typer) -> None:
    app.command("predict")(predict)
    app.command("export-onnx")(export_onnx)
    app.command("card")(card)


def predict(
    context: typer.Context,
    model: Path = _MODEL,
    images: list[str] = typer.Argument(
        ..., help="Files, folders, http(s) addresses; - reads a list of them from stdin."
    ),
    top: int = _TOP,
    refine: Refinement = _REFINE,
    together: bool = typer.Option(
        False, "--together", help="The photographs are views of one place: one answer."
    ),
    out: Path = typer.Option(
        None, "--out", help="Also write a .csv, .parquet, .geojson or .jsonl file."
    ),
    contact: str = typer.Option(
        "", "--contact", help="For addresses: where a site's operator can reach you: mail or URL."
    ),
    allow_private: bool = typer.Option(
        False, "--allow-private", help="Also fetch from this machine and the local network."
    ),
    as_json: bool = _JSON,
) -> None:
    """Predicts country, region and position of photographs."""
    from training.deploy.predict import predict_images
    from training.deploy.show import printable, show
    from training.deploy.sources import find
    from training.deploy.table import writer_for

    write = writer_for(out) if out else None
    found = find(images, sys.stdin)
    with (
        _fetcher(context.obj, found, contact=contact, allow_private=allow_private) as fetch,
        progress("images", len(found.names)) as advance,
    ):
        results = predict_images(
            model,
            found.names,
            top,
            refine_by=refine,
            together=together,
            fetch=fetch,
            advance=advance,
        )
    if write:
        write(out, results)
    failed = sum("error" in result for result in results)
    counts = {"images": len(found.names), "failed": failed, "others": found.others}
    if as_json:
        print_summary("predict", {"predictions": results, **counts}, as_json=True)
    else:
        for result in results:
            if "error" in result:
                print_line(f"lostfound: {printable(result['error'])}")
        show(results, counts)
    if failed:
        raise typer.Exit(1)


def export_onnx(
    model: Path = _MODEL,
    out: Path = typer.Option(None, "--out", help="The file [default: model.onnx beside it]."),
    as_json: bool = _JSON,
) -> None:
    """Writes a model as ONNX: uint8 pictures in, all heads and probabilities out."""
    from training.deploy import onnx_export
    from training.model.modelfile import model_path

    target = out or model_path(model).with_suffix(".onnx")
    print_summary("export-onnx", onnx_export.export_onnx(model, target), as_json=as_json)


def card(model: Path = _MODEL, as_json: bool = _JSON) -> None:
    """Writes the model card, README.md, beside the model; `evaluate` before gives it figures."""
    from training.deploy.card import write_card

    print_summary("card", {"card": str(write_card(model))}, as_json=as_json)


@contextmanager
def _fetcher(
    open_fetcher: "OpenFetcher | None", found: "Found", *, contact: str, allow_private: bool
) -> Iterator["Fetch | None"]:
    if open_fetcher is None or not found.needs_network:
        yield None
        return
    from training.data.images import MAX_FILE_BYTES

    with open_fetcher(
        contact=contact, allow_private=allow_private, max_bytes=MAX_FILE_BYTES
    ) as fetch:
        yield fetch
