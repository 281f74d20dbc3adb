"""The verbs of a trained model in use: arguments in, one core function called, result printed."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from shards.console import print_line, print_summary, progress
from training.deploy.argument import MODEL, located, model_folder

if TYPE_CHECKING:
    from training.deploy.notify import Notify
    from training.deploy.sources import Fetch, Found, OpenFetcher


_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_REFINE = typer.Option(
    None, "--refine", help="Positions from training photographs that look alike; see `embed`."
)
_TOP = typer.Option(5, "--top", help="How many countries and regions to name.")
Refinement = Literal["neighbours", "prototypes"] | None


def register(app: typer.Typer) -> None:
    app.command("predict")(predict)
    app.command("watch")(watch)
    app.command("export-onnx")(export_onnx)
    app.command("card")(card)
    app.command("push")(push)
    app.command("pull")(pull)


def predict(
    context: typer.Context,
    model: str = MODEL,
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
    path = located(model, refined=refine is not None)
    with (
        _fetcher(context.obj, found, contact=contact, allow_private=allow_private) as fetch,
        progress("images", len(found.names)) as advance,
    ):
        results = predict_images(
            path,
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


def watch(
    model: str = MODEL,
    folder: Path = typer.Argument(..., help="Where photographs appear."),
    top: int = _TOP,
    refine: Refinement = _REFINE,
    existing: bool = typer.Option(False, "--existing", help="Also those that are there already."),
    notify: str = typer.Option(
        "", "--notify", help="A command that gets the image's name and the answer as arguments."
    ),
    desktop: bool = typer.Option(False, "--desktop", help="Notify through notify-send."),
    seconds: float = typer.Option(1.0, "--seconds", min=0.1, help="From one look to the next."),
    as_json: bool = typer.Option(False, "--json", help="A JSON object for each image, a line."),
) -> None:
    """Predicts for every image that appears in a folder, until Ctrl-C."""
    from training.deploy.notify import notifiers
    from training.deploy.predict import ready
    from training.deploy.watch import watch

    tell = notifiers(notify, use_desktop=desktop)
    trained = ready(located(model, refined=refine is not None), top, refine)
    answers = watch(trained, folder, top, existing=existing, seconds=seconds)
    print_line(f"watching {folder}; Ctrl-C stops")
    answered = failed = 0
    try:
        for answer in answers:
            answered += "error" not in answer
            failed += "error" in answer
            _announce(answer, tell, as_json=as_json)
    except KeyboardInterrupt:
        print_summary("watch", {"answered": answered, "failed": failed}, as_json=as_json)


def _announce(answer: dict[str, Any], tell: "list[Notify]", *, as_json: bool) -> None:
    """One line on stdout, and a notification."""
    from training.deploy.show import in_short, printable

    name = printable(Path(answer["image"]).name)
    # A command that is told of it must not take it for an option.
    name = f"./{name}" if name.startswith("-") else name
    text = printable(answer.get("error") or in_short(answer))
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, allow_nan=False), flush=True)
    else:
        print(f"{name}: {text}", flush=True)
    for notify in tell:
        if problem := notify(name, text):
            print_line(f"lostfound: not notified: {problem}")


def export_onnx(
    model: str = MODEL,
    out: Path = typer.Option(
        None, "--out", help="The file.", show_default="model.onnx beside the model"
    ),
    as_json: bool = _JSON,
) -> None:
    """Writes a model as ONNX: uint8 pictures in, all heads and probabilities out."""
    from training.deploy import onnx_export

    with model_folder(model) as (path, folder):
        target = out or path.with_suffix(".onnx")
        found = onnx_export.export_onnx(path, target)
        found["onnx"] = str(out or folder.where(target))
    print_summary("export-onnx", found, as_json=as_json)


def card(model: str = MODEL, as_json: bool = _JSON) -> None:
    """Writes the model card, README.md, beside the model; `evaluate` before gives it figures."""
    from training.deploy.card import READS, write_card

    with model_folder(model, *READS) as (path, folder):
        found = {"card": folder.where(write_card(path))}
    print_summary("card", found, as_json=as_json)


def push(
    model: str = MODEL,
    repo: str = typer.Option(..., "--repo", help="NAMESPACE/NAME on the Hub, or NAME in yours."),
    public: bool = typer.Option(False, "--public", help="Everybody sees it; else you alone."),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Also into a repository that holds other files."
    ),
    tag: str = typer.Option("", "--tag", help="A name for this version, like v1.0."),
    as_json: bool = _JSON,
) -> None:
    """Brings a model with its card, and a model.onnx beside it, to the Hugging Face Hub.

    The token comes from HF_TOKEN or `hf auth login`.
    """
    from training.deploy.card import READS
    from training.deploy.repository import ONNX_NAME, PushOptions, push_model

    options = PushOptions(repo, public=public, overwrite=overwrite, tag=tag)
    with model_folder(model, *READS, ONNX_NAME) as (path, _):
        found = push_model(path, options)
    print_summary("push", found, as_json=as_json)


def pull(
    repo: str = typer.Argument(..., help="OWNER/NAME on the Hub."),
    out: Path = typer.Option(..., "--out", help="The directory that it goes into."),
    revision: str = typer.Option("main", "--revision", help="A branch, a tag or a commit."),
    as_json: bool = _JSON,
) -> None:
    """Fetches a model from the Hugging Face Hub and checks it."""
    from training.deploy.repository import pull_model

    print_summary("pull", pull_model(repo, out, revision), as_json=as_json)


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
