"""One HTML file about a dataset: what is in it, what was dropped and why, what was trained.

The file holds everything that it shows, asks the network for nothing, and can be read without its
one script, which makes the map move. Its size is bounded whatever the dataset's: positions,
pictures, rows of tables and lengths of texts all have a limit.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from enrich.geo.countries import country_names
from queries.pages import TEMPLATES, environment
from queries.report.built import read_shard_sets
from queries.report.facts import Facts
from queries.report.pictures import Picture, Pictures
from queries.report.positions import read_positions
from queries.report.runs import Run, read_runs
from queries.report.scores import score_charts, stored_numbers
from queries.report.selected import Selected, read_selections
from queries.views.catalogue import connect
from shards.atomic import write_text
from shards.console import progress
from shards.dataset import METADATA
from shards.layout import DatasetLayout
from shards.pages.country_bars import country_bars
from shards.pages.pages import TEMPLATES as SHARED
from shards.pages.pages import brief, script
from shards.pages.positions import Positions
from shards.pages.thumbnails import Place, file_thumbnail, stored_thumbnails
from shards.pages.worldmap import world_map

THUMBNAIL_WIDTH = 240
PREDICTION_WIDTH = 480
MAX_SELECTIONS = 20
MAX_RUNS = 20
MAX_RUNS_WITH_PICTURES = 3
SCRIPTS = (
    *(SHARED / name for name in ("map_points.js", "map_layers.js", "map_panel.js", "map.js")),
    TEMPLATES / "report.js",
)

Images = Mapping[Place, str | None]
Row = dict[str, Any]


READS = (*METADATA, "selections", "shards", "runs")
"""What of a dataset must be at hand."""


def write_report(layout: DatasetLayout, name: str) -> Row:
    """Writes `reports/<name>/index.html` and returns its totals and path."""
    out = layout.report(name) / "index.html"
    connection = connect(layout)
    facts, pictures = Facts(connection), Pictures(connection)
    with progress("rows", 4) as advance:
        totals, reasons, countries = facts.totals(), facts.reasons(), facts.countries()
        advance()
        charts = score_charts(facts, stored_numbers(layout))
        for chart in charts:
            score = chart["score"]
            chart["pictures"] = pictures.along(score.column, *chart["ends"], log=score.log)
        advance()
        samples, rejected = pictures.of_countries(), pictures.of_reasons()
        advance()
        positions = read_positions(connection, [country["code"] for country in countries])
        advance()
    selections, bad_selections = read_selections(layout.root / "selections")
    sets, bad_sets = read_shard_sets(layout.root / "shards")
    runs, bad_runs = read_runs(layout.runs)
    problems = bad_selections + bad_sets + bad_runs
    shown = [*samples, *rejected, *(p for chart in charts for p in chart["pictures"])]
    images = stored_thumbnails(layout.store, [p.place for p in shown], THUMBNAIL_WIDTH)
    followed = next((n for n, one in selections.items() if one.target()), None)
    html = (
        environment()
        .get_template("report.html.j2")
        .render(
            dataset=layout.name,
            totals=totals,
            reasons=reasons,
            sources=facts.sources(),
            bars=country_bars(
                countries, selections[followed].target() if followed else {}, country_names()
            ),
            followed=followed,
            world=_world(facts, countries),
            cell_km=positions.cell_km,
            map_data=_map_data(positions, countries, samples, images),
            charts=[chart | {"items": _items(chart["pictures"], images)} for chart in charts],
            samples=_by_country(samples, images, countries),
            rejected=_by_reason(rejected, images, reasons),
            selections=_selections(facts, selections, countries),
            sets=sets,
            runs=_runs(layout.root, runs),
            licences=facts.licences(),
            authors=facts.authors(),
            problems=problems,
            script=script(*SCRIPTS),
        )
    )
    write_text(out, html)
    return {
        "captures": totals["captures"],
        "kept": totals["kept"],
        "rejected": {row["reason"]: row["captures"] for row in reasons},
        "countries": totals["countries"],
        "pictures": sum(image is not None for image in images.values()),
        "runs": len(runs),
        "problems": problems,
        "bytes": out.stat().st_size,
        "report": layout.shown(out),
    }


def _world(facts: Facts, countries: Sequence[Row]) -> Markup:
    names = {country["code"]: (country["name"], country["samples"]) for country in countries}
    return Markup(world_map(facts.cells(), names))  # noqa: S704 - it escapes what it is given


def _map_data(
    positions: Positions, countries: Sequence[Row], samples: Sequence[Picture], images: Images
) -> Row:
    """What the map's script reads: see `shards/pages/templates/map_points.js`."""
    places = [
        (number, positions.index(picture.lat, picture.lon))
        for number, picture in enumerate(samples)
        if images[picture.place] and picture.lat is not None and picture.lon is not None
    ]
    return {
        "cells": len(positions.codes),
        "packed": positions.packed(),
        "countries": [[c["code"], brief(c["name"]), c["samples"]] for c in countries],
        "pictures": [[number, cell] for number, cell in places if cell is not None],
    }


def _items(pictures: Sequence[Picture], images: Images) -> list[Row]:
    return [{"picture": picture, "image": images[picture.place]} for picture in pictures]


def _by_country(pictures: Sequence[Picture], images: Images, countries: Sequence[Row]) -> list[Row]:
    """The countries that have pictures, each with its name, its samples and its pictures."""
    known = {country["code"]: country for country in countries}
    numbered = [item | {"number": n} for n, item in enumerate(_items(pictures, images))]
    return [
        known.get(code, {"code": code, "name": code, "samples": 0}) | {"items": list(items)}
        for code, items in groupby(numbered, key=lambda item: item["picture"].group)
    ]


def _by_reason(pictures: Sequence[Picture], images: Images, reasons: Sequence[Row]) -> list[Row]:
    """The reasons that have pictures, the most frequent first."""
    found = {
        reason: _items(list(members), images)
        for reason, members in groupby(pictures, key=lambda picture: picture.group)
    }
    return [row | {"items": found[row["reason"]]} for row in reasons if row["reason"] in found]


def _selections(
    facts: Facts, selections: Mapping[str, Selected], countries: Sequence[Row]
) -> list[Row]:
    """The counts of each selection, what its `selection.json` says, and its countries."""
    names = {country["code"]: country["name"] for country in countries}
    rows = []
    for counts in facts.selections()[:MAX_SELECTIONS]:
        about = selections.get(counts["name"], Selected())
        by_split = [
            row | {"name": names.get(row["code"], row["code"])}
            for row in facts.split_countries(counts["name"])
        ]
        bars = country_bars(by_split, about.target(), country_names())
        rows.append(counts | {"about": about, "by_split": by_split, "bars": bars})
    return rows


def _runs(root: Path, runs: Sequence[Run]) -> list[tuple[Run, list[Row]]]:
    """The best runs, the first of them with the pictures that they predicted."""
    return [
        (run, _predictions(root, run) if number < MAX_RUNS_WITH_PICTURES else [])
        for number, run in enumerate(runs[:MAX_RUNS])
    ]


def _predictions(root: Path, run: Run) -> list[Row]:
    return [
        {
            "prediction": prediction,
            "file": Path(prediction.image).name,
            "image": file_thumbnail(root, prediction.image, PREDICTION_WIDTH),
        }
        for prediction in run.predictions
    ]
