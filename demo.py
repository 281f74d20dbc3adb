"""`lostfound demo`: the whole chain on the bundled playground, one line of progress per stage.

Nothing here but the order of the stages: each one is the core function behind its own verb, and
leaves its results where that verb would. Run again, every stage does only what is missing.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shards.atomic import write_bytes, write_json
from shards.console import print_line, say_nothing
from shards.errors import UsageError, WorkError
from shards.fanout import ensure_ray
from shards.layout import DatasetLayout

MARKER = "demo.json"
NAME = "demo"
PHOTOGRAPHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the demo's result depends on; kept in `demo.json` beside it."""

    countries: int = 14
    games: int = 50
    bad_share: float = 0.08
    workers: int = 2
    seed: int = 0
    config: str = "demo"


def run_demo(out: Path, options: DemoOptions) -> dict[str, Any]:
    """Runs every stage into the dataset directory `out` and returns the rows of the last table.

    A directory of a demo with other options is emptied first; one of anything else is refused.
    """
    _take_directory(out, options)
    layout = DatasetLayout(out)
    with _stage("ray") as say:
        ensure_ray()
        say("a private cluster on this machine")
    crawled = _crawl(layout, options)
    enriched = _enrich(layout, options)
    selected, built = _build(layout, options)
    model, evaluation = _train(layout, options)
    predictions = _predict(layout, model)
    report = _report(layout)
    return {
        "captures": enriched["captures"],
        "kept": enriched["kept"],
        "rejected": enriched["rejected"],
        "games": crawled["tasks"],
        "countries": len(selected["countries"]),
        "shards": built["shards"],
        "samples": selected["counts"],
        "top-1": evaluation["country"]["top1"],
        "top-1, 95 % interval": _interval(evaluation["country"]),
        "chance": evaluation["chance_top1"],
        "majority class": evaluation["majority_top1"],
        "top-5": evaluation["country"]["top5"],
        "median km": evaluation["distance_km"]["median"],
        "predicted": predictions,
        "model": str(layout.runs / model.parent.name / model.name),
        "report": str(report),
    }


def _interval(figures: dict[str, Any]) -> str:
    return f"{figures['top1_low']:.0%} to {figures['top1_high']:.0%}"


def _take_directory(out: Path, options: DemoOptions) -> None:
    marker = out / MARKER
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: not a directory; choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not marker.is_file():
            raise UsageError(f"{out}: holds something other than a demo; choose another --out")
        if marker.read_text() == _marker_text(options):
            return
        print_line(f"{out}: a demo with other options; starting again")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(marker, _marker_text(options).encode())


def _marker_text(options: DemoOptions) -> str:
    return json.dumps(asdict(options), indent=2) + "\n"


@contextmanager
def _stage(name: str) -> Iterator[Any]:
    """Yields a function for the stage's one line, printed with the seconds that it took."""
    started = time.monotonic()
    told: list[str] = []
    yield told.append
    print_line(f"{name:<10} {'; '.join(told):<76} {time.monotonic() - started:6.1f} s")


def _crawl(layout: DatasetLayout, options: DemoOptions) -> dict[str, Any]:
    from crawler.game.crawl import DEFAULT_PAGES, crawl_game
    from crawler.playground.server import start_in_thread
    from crawler.playground.world import WorldConfig

    world = WorldConfig(seed=options.seed, countries=options.countries, bad_share=options.bad_share)
    # The server keeps its games in a file, so that a demo that was stopped finds them again.
    with (
        _stage("crawl") as say,
        start_in_thread(world, state=layout.root / "playground.json") as server,
    ):
        summary = crawl_game(
            layout,
            url=server.url,
            games=options.games,
            workers=options.workers,
            pages=max(1, DEFAULT_PAGES // options.workers),
        ).to_dict()
        say(
            f"{summary['captures']} captures of {summary['tasks']} games"
            f" ({summary['new_captures']} new), {options.workers} browsers"
        )
    if summary["tasks_failed"]:
        raise WorkError(f"{summary['tasks_failed']} games failed ({summary['failed']}); run again")
    return summary


def _enrich(layout: DatasetLayout, options: DemoOptions) -> dict[str, Any]:
    from enrich.options import EnrichOptions
    from enrich.run import enrich_dataset

    with _stage("enrich") as say:
        summary = enrich_dataset(
            layout, EnrichOptions(), workers=options.workers, say=say_nothing
        ).to_json()
        if summary["failures"]:
            raise WorkError("; ".join(summary["failures"]))
        rejected = sum(summary["rejected"].values())
        say(f"{summary['kept']} kept, {rejected} rejected, {summary['countries']} countries")
    return summary


def _build(layout: DatasetLayout, options: DemoOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    from queries.choices import SplitBy
    from queries.selection.options import Options
    from queries.selection.select import select
    from shards.build import build_shards
    from shards.verify import verify_shards

    with _stage("select") as say:
        # Rounds of one game are places all over the world, so games need not stay together.
        selected = select(layout, NAME, Options(seed=options.seed, split_by=SplitBy.KEY))
        say(", ".join(f"{count} {split}" for split, count in selected["counts"].items()))
    with _stage("build") as say:
        built = asdict(build_shards(layout, NAME, workers=options.workers))
        say(f"{built['shards']} shards with {built['samples']} samples, {built['bytes']:,} bytes")
    with _stage("verify") as say:
        checked = verify_shards(layout.shards(NAME))
        if checked.defects:
            raise WorkError(f"{len(checked.defects)} defects, the first: {checked.defects[0]}")
        say(f"{checked.files} files and {checked.samples} samples are as the manifest says")
    return selected, built


def _train(layout: DatasetLayout, options: DemoOptions) -> tuple[Path, dict[str, Any]]:
    from training.config import load_config
    from training.deploy.card import write_card
    from training.evaluation.evaluate import evaluate_model
    from training.job.train import run_training

    shards = layout.shards(NAME)
    with _stage("train") as say:
        config = load_config(options.config, [f"job.workers={options.workers}"])
        trained = run_training(config, shards, layout.runs, say=say_nothing)
        model = Path(trained["model"])
        say(f"{trained['network']}, {trained['epochs']} epochs, {options.workers} workers")
    with _stage("evaluate") as say:
        evaluation = evaluate_model(model, shards)
        write_card(model)
        country, distance = evaluation["country"], evaluation["distance_km"]
        say(
            f"{evaluation['samples']} held-out photographs: top-1 {country['top1']:.0%},"
            f" median {distance['median']:,.0f} km"
        )
    return model, evaluation


def _predict(layout: DatasetLayout, model: Path) -> dict[str, str]:
    """Names the most probable country of the first photographs of the test split."""
    from shards.read import iterate_samples
    from training.deploy.predict import predict_images

    with _stage("predict") as say:
        tar = min((layout.shards(NAME) / "data").glob("test-*.tar"))
        truths: dict[str, str] = {}
        for _, sample in zip(range(PHOTOGRAPHS), iterate_samples(tar), strict=False):
            path = layout.root / "photographs" / f"{sample.key}.jpg"
            write_bytes(path, sample.image)
            truths[str(path)] = sample.record["country_code"]
        answers = predict_images(model, [Path(path) for path in truths])
        write_json(model.parent / "predictions.json", answers)
        guesses = [answer["countries"][0] for answer in answers]
        say(f"{len(answers)} photographs, see the table")
    return {
        Path(answer["image"]).stem: f"{guess['code']} {guess['probability']:.0%}, is {truth}"
        for answer, guess, truth in zip(answers, guesses, truths.values(), strict=True)
    }


def _report(layout: DatasetLayout) -> Path:
    from queries.report.report import write_report

    with _stage("report") as say:
        report = Path(write_report(layout, NAME)["report"])
        say(f"{report.stat().st_size:,} bytes, one file")
    return report
