"""One HTML file about a dataset: what is in it, what was dropped and why, what was trained.

The file holds everything that it shows, runs no script, and asks the network for nothing.
"""

import json
import math
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from queries.catalogue import connect
from queries.facts import Facts, Picture
from queries.plots import histogram, world_map
from queries.runs import Run, read_runs
from queries.thumbnails import file_thumbnail, stored_thumbnail
from shards.atomic import write_text
from shards.console import progress
from shards.layout import DatasetLayout

TEMPLATES = Path(__file__).with_name("templates")
THUMBNAIL_WIDTH = 240
SCORES = (
    # column, title, what it tells, the enrich option that is its threshold, logarithmic
    ("rgb_variance", "Colour variance", "low: black, dark, empty", "min_rgb_variance", True),
    ("laplacian_variance", "Sharpness", "low: blurred", "min_laplacian_variance", True),
    ("brightness", "Brightness", "mean of the pixels, 0 to 255", None, False),
)


def write_report(layout: DatasetLayout, name: str) -> dict[str, Any]:
    """Writes `reports/<name>/index.html` and returns its totals and path."""
    out = layout.report(name) / "index.html"
    runs, problems = read_runs(layout.runs)
    facts = Facts(connect(layout))
    totals, reasons = facts.totals(), facts.reasons()
    page = _environment().get_template("report.html.j2")
    html = page.render(
        dataset=layout.root.resolve().name,
        totals=totals,
        reasons=reasons,
        sources=facts.sources(),
        countries=(countries := facts.countries()),
        licences=facts.licences(),
        world=Markup(  # noqa: S704 - world_map escapes what it is given
            world_map(facts.cells(), {c["code"]: (c["name"], c["samples"]) for c in countries})
        ),
        histograms=_histograms(facts, _thresholds(layout)),
        samples=_gallery(layout.root, facts.sample_pictures()),
        rejected=_gallery(layout.root, facts.rejected_pictures()),
        selections=facts.selections(),
        shards=facts.shards(),
        runs=[(run, _predictions(layout.root, run)) for run in runs],
        problems=problems,
    )
    write_text(out, html)
    return {
        "captures": totals["captures"],
        "kept": totals["kept"],
        "rejected": {row["reason"]: row["captures"] for row in reasons},
        "countries": totals["countries"],
        "runs": len(runs),
        "problems": problems,
        "bytes": out.stat().st_size,
        "report": str(out),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value, digits=1: f"{100 * value:.{digits}f} %"
    environment.filters["size"] = _size
    environment.filters["words"] = lambda value: str(value).replace("_", " ")
    environment.filters["web"] = _web_address
    return environment


def _histograms(facts: Facts, thresholds: dict[str, float]) -> list[dict[str, Any]]:
    charts = []
    for column, title, meaning, option, log in SCORES:
        threshold = thresholds.get(option) if option else None
        bins = facts.histogram(column, log=log, reach=threshold)
        svg = Markup(histogram(bins, threshold=threshold, log=log))  # noqa: S704 - numbers only
        charts.append({"title": title, "meaning": meaning, "svg": svg, "threshold": threshold})
    return [chart for chart in charts if chart["svg"]]


def _thresholds(layout: DatasetLayout) -> dict[str, float]:
    """The numbers among the options that `enrich` stored beside its parts."""
    try:
        options = json.loads((layout.enriched / "options.json").read_bytes())
        return {
            name: float(value)
            for name, value in options.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
    except (OSError, ValueError, AttributeError):
        return {}


def _gallery(root: Path, pictures: list[Picture]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The pictures by group, in the order given, each with its `data:` URI or None."""
    shown = []
    with progress("pictures", len(pictures)) as advance:
        for group, members in groupby(pictures, key=lambda picture: picture.group):
            shown.append((group, list(_shown(root, members))))
            advance(len(shown[-1][1]))
    return shown


def _shown(root: Path, pictures: Iterable[Picture]) -> Iterable[dict[str, Any]]:
    for picture in pictures:
        place = (picture.file, picture.offset, picture.size)
        yield {"picture": picture, "image": stored_thumbnail(root, *place, THUMBNAIL_WIDTH)}


def _predictions(root: Path, run: Run) -> list[dict[str, Any]]:
    return [
        {
            "prediction": prediction,
            "file": Path(prediction.image).name,
            "image": file_thumbnail(root, prediction.image, 2 * THUMBNAIL_WIDTH),
        }
        for prediction in run.predictions
    ]


def _size(count: int) -> str:
    """Bytes for people, in powers of 1000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def _web_address(url: str) -> str:
    """The URL when it is a web address; else nothing, so that no other scheme becomes a link."""
    return url if url.startswith(("https://", "http://")) else ""
