"""One HTML file about a dataset: what is in it, what was dropped and why, what was trained.

The file holds everything that it shows, runs no script, and asks the network for nothing.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from queries.catalogue import connect
from queries.facts import Facts, Picture
from queries.pages import environment
from queries.runs import Run, read_runs
from queries.scores import score_charts, stored_numbers
from queries.thumbnails import file_thumbnail, stored_thumbnail
from queries.worldmap import world_map
from shards.atomic import write_text
from shards.console import progress
from shards.layout import DatasetLayout

THUMBNAIL_WIDTH = 240


def write_report(layout: DatasetLayout, name: str) -> dict[str, Any]:
    """Writes `reports/<name>/index.html` and returns its totals and path."""
    out = layout.report(name) / "index.html"
    runs, problems = read_runs(layout.runs)
    facts = Facts(connect(layout))
    totals, reasons = facts.totals(), facts.reasons()
    page = environment().get_template("report.html.j2")
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
        histograms=score_charts(facts, stored_numbers(layout)),
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
