"""The command line of this stage: arguments in, one core function called, result printed."""

from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import typer

from shards.console import print_summary
from shards.errors import UsageError
from shards.folder import open_folder
from shards.manifest import CARD_NAME
from shards.remote import is_address
from training.baseline import commands as baseline
from training.bench import commands as bench
from training.compare import commands as compare
from training.deploy import commands as deploy
from training.deploy.argument import MODEL, model_folder
from training.deploy.serve import commands as serve
from training.reproduce import commands as reproduce

_SHARDS = typer.Option(
    ..., "--shards", help="A shard directory, as `build` writes it, or its address."
)
_CONFIG = typer.Argument(
    ..., help="A YAML file or its address, or the name of a bundled one: demo."
)
_RUNS = typer.Option(
    None, "--out", help="Directory of runs, or an address.", show_default="DATASET/runs"
)
Refinement = Literal["neighbours", "prototypes"] | None
Layout = Literal["auto", "im2gps3k", "yfcc4k", "osv5m", "csv", "folder"]
_JSON = typer.Option(False, "--json", help="Print the summary as one JSON object.")


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    app.command("train")(train)
    app.command("sweep")(sweep)
    app.command("embed")(embed)
    app.command("evaluate")(evaluate)
    bench.register(app)
    deploy.register(app)
    serve.register(app)
    reproduce.register(app)
    baseline.register(app)
    compare.register(app)


def train(
    config: str = _CONFIG,
    overrides: list[str] = typer.Argument(None, help="key=value, dotted: optimiser.head_lr=0.01"),
    shards: str = _SHARDS,
    out: str = _RUNS,
    workers: int = typer.Option(None, "--workers", help="Instead of job.workers."),
    as_json: bool = _JSON,
) -> None:
    """Trains a network on shards; continues the run if it was interrupted."""
    from training.config import load_config
    from training.deploy.card import write_card
    from training.job.runs import open_runs
    from training.job.train import run_training

    extra = [] if workers is None else [f"job.workers={workers}"]
    chosen = load_config(config, [*(overrides or []), *extra])
    with open_runs(out or default_runs(shards)) as runs:
        found = run_training(chosen, shards, runs)
        found["card"] = str(write_card(Path(found["run"])))
    for name in ("run", "model", "card"):
        found[name] = runs.where(Path(found[name]))
    print_summary("train", found, as_json=as_json)


def sweep(
    config: str = _CONFIG,
    overrides: list[str] = typer.Argument(None, help="key=value, dotted, for all trials."),
    shards: str = _SHARDS,
    grid: list[str] = typer.Option(
        None,
        "--grid",
        help="key=v1,v2, dotted; instead of the configuration's `sweep`. Repeatable.",
    ),
    scheduler: Literal["grid", "asha"] = typer.Option(
        "grid", "--scheduler", help="grid trains all to the end; asha stops the worse ones early."
    ),
    out: str = _RUNS,
    as_json: bool = _JSON,
) -> None:
    """Trains every combination of a grid, ranks them, and writes the best configuration."""
    from training.job.grid import make_trials
    from training.job.runs import open_runs
    from training.job.sweep import run_sweep

    trials = make_trials(config, overrides or [], grid or [])
    with open_runs(out or default_runs(shards)) as runs:
        found = run_sweep(trials, shards, runs, scheduler=scheduler)
    print_summary("sweep", found, as_json=as_json)
    if found["failed"]:
        raise typer.Exit(1)


def evaluate(
    model: str = MODEL,
    shards: str | None = typer.Option(
        None, "--shards", help="A shard directory, or the address of a published one."
    ),
    images: Path | None = typer.Option(
        None, "--images", help="Instead: a folder or a table of images with coordinates."
    ),
    layout: Layout = typer.Option(
        "auto", "--layout", help="How --images is laid out: im2gps3k, yfcc4k, osv5m, csv, folder."
    ),
    columns: list[str] = typer.Option(
        None, "--columns", help="Of the table of --images: image=NAME, lat=NAME, lon=NAME."
    ),
    split: str = typer.Option("test", "--split", help="train, validation or test."),
    subset: str = typer.Option(
        None, "--subset", help="Country codes, or a file of them, to measure by themselves too."
    ),
    refine: Refinement = typer.Option(
        None, "--refine", help="Positions from training photographs that look alike; see `embed`."
    ),
    fuse_views: bool = typer.Option(
        False, "--fuse-views", help="One answer for all views with the same coordinates."
    ),
    map_labels: bool = typer.Option(
        False, "--map-labels", help="Read shards with another label table by the codes of classes."
    ),
    out: str | None = typer.Option(
        None,
        "--out",
        help="Where its folder goes, also an address.",
        show_default="beside the model",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print all figures as one JSON object."),
) -> None:
    """Measures a model and writes figures, tables and a page into a folder beside it."""
    from training.deploy.card import READS, is_card, write_card
    from training.evaluation.evaluate import evaluate_model
    from training.evaluation.external import evaluate_images
    from training.evaluation.headline import headline
    from training.model.retrieval import FILE_NAME

    reads = (*READS, FILE_NAME) if refine else READS
    with (
        model_folder(model, *reads) as (path, own),
        nullcontext(own) if out is None else open_folder(out) as folder,
    ):
        if out is None and own.address is None:
            check_findable(path)
        if images is not None and shards is None:
            if fuse_views:
                raise UsageError("--fuse-views: works with --shards alone")
            named = read_columns(columns or [])
            result = evaluate_images(
                path, images, layout, named, refine_by=refine, subset=subset, out=folder.here
            )
        elif shards is None or images is not None:
            raise UsageError("evaluate: give --shards, or --images, to say what to evaluate on")
        else:
            result = evaluate_model(
                path,
                shards,
                split,
                refine_by=refine,
                fuse_views=fuse_views,
                subset=subset,
                map_labels=map_labels,
                out=folder.here,
            )
            if out is None and is_card(folder.here / CARD_NAME):
                write_card(path)
        page = folder.where(folder.here / result["folder"] / "index.html")
    print_summary("evaluate", result if as_json else headline(result, page), as_json=as_json)


def check_findable(model: Path) -> None:
    """Raises UsageError for a model of the cache: nobody looks for an evaluation there."""
    from training.data.cache import cache_folder

    if model.resolve().is_relative_to(cache_folder()):
        raise UsageError(
            "evaluate: a model from elsewhere; say where the evaluation goes: --out DIR"
        )


def read_columns(texts: list[str]) -> dict[str, str]:
    """`image=NAME` and so on, also several in one text, with commas between."""
    found = {}
    for text in ",".join(texts).split(",") if texts else []:
        field, _, name = text.partition("=")
        if field not in ("image", "lat", "lon") or not name:
            raise UsageError(f"--columns {text}: write image=NAME, lat=NAME or lon=NAME")
        found[field] = name
    return found


def embed(model: str = MODEL, shards: str = _SHARDS, as_json: bool = _JSON) -> None:
    """Writes the embeddings of the training split beside the model, for --refine."""
    from training.evaluation.embed import embed_training_split

    with model_folder(model) as (path, folder):
        found = embed_training_split(path, shards)
        found["embeddings"] = folder.where(Path(found["embeddings"]))
    print_summary("embed", found, as_json=as_json)


def default_runs(shards: str) -> str:
    """`DATASET/runs` for shards in `DATASET/shards/<name>`."""
    if not is_address(shards):
        directory = Path(shards).resolve()
        if not directory.is_dir():
            raise UsageError(f"{shards}: no such directory; give one that `lostfound build` wrote")
        shards = str(directory)
    dataset, folder, _ = ["", "", *shards.rstrip("/").rsplit("/", 2)][-3:]
    if folder != "shards":
        raise UsageError(f"{shards}: not in a dataset's shards/; say where runs go: --out")
    return f"{dataset}/runs"
