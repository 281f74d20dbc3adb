"""One HTML file about an evaluation. It holds all that it shows and asks the network for nothing.

Its size is bounded whatever the number of samples: lines on the map, pictures, rows of tables and
lengths of texts all have a limit. The same evaluation gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from enrich.geo.countries import country_names
from shards.atomic import write_text
from shards.pages.pages import environment
from shards.pages.worldmap import draw_world
from training.evaluation.metrics import RADII_KM
from training.evaluation.page.arcs import error_lines
from training.evaluation.page.charts import (
    calibration_error,
    confidences,
    distance_histogram,
    reliability_curve,
)
from training.evaluation.page.confusion import (
    MAX_COUNTRIES,
    CountryRow,
    country_rows,
    matrix,
    pairs,
)
from training.evaluation.page.figures import Figure, figure, figures_of, kilometres
from training.evaluation.page.pictures import pictures
from training.evaluation.page.predictions import Predictions, read_predictions, read_record

TEMPLATES = Path(__file__).with_name("templates")
PAGE_NAME = "index.html"
MAX_FACTS = 40
_HEADLINES = (
    ("country.top1", "right country"),
    ("country.top5", "among the first five"),
    ("country.balanced_accuracy", "balanced accuracy"),
    ("region.top1", "right region"),
    ("distance_km.median", "median distance"),
    ("distance_km.geoscore", "GeoScore of 5,000"),
)


def evaluation_page(folder: Path, shards: Path | None = None) -> None:
    """Writes `index.html` into an evaluation's folder.

    `shards`: the folder in which the rows' `tar` lie (the shard directory, or the folder of an
    external set), for the pictures; without it the page has none.
    """
    record, predictions = read_record(folder), read_predictions(folder)
    write_text(folder / PAGE_NAME, render(record, predictions, shards))


def render(record: Mapping[str, Any], predictions: Predictions, shards: Path | None) -> str:
    countries, bins = country_rows(predictions), confidences(predictions)
    lines, drawn = error_lines(predictions)
    names = country_names()
    template = environment(TEMPLATES).get_template("evaluation.html.j2")
    return template.render(
        name=lambda code: names.get(code, code) or "unknown",
        kilometres=kilometres,
        facts=facts(record),
        headlines=[(shown, text) for path, text in _HEADLINES if (shown := figure(record, path))],
        majority=figure(record, "majority_top1"),
        chance=figure(record, "chance_top1"),
        figures=figures_of(record),
        within=within(record),
        samples=len(predictions),
        located=int((~np.isnan(predictions.distance_km)).sum()),
        drawn=drawn,
        map=_markup(_world(countries, names, lines)),
        histogram=_markup(distance_histogram(predictions)),
        reliability=_markup(reliability_curve(bins)),
        calibration_error=calibration_error(bins),
        countries=countries[:MAX_COUNTRIES],
        more_countries=max(0, len(countries) - MAX_COUNTRIES),
        matrix=matrix(predictions),
        pairs=pairs(predictions),
        pictures=pictures(predictions, shards),
        has_pictures=shards is not None,
    )


def facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the evaluation says of the model and the data: texts and switches, not figures."""
    found = [
        (name.replace("_", " "), "yes" if value is True else value)
        for name, value in record.items()
        if isinstance(value, str) or value is True
    ]
    return found[:MAX_FACTS]


def within(record: Mapping[str, Any]) -> list[tuple[int, Figure]]:
    """The share of the samples within each radius, where the evaluation has it."""
    found = ((radius, figure(record, f"distance_km.within.{radius} km")) for radius in RADII_KM)
    return [(radius, shown) for radius, shown in found if shown]


def _world(countries: list[CountryRow], names: Mapping[str, str], lines: str) -> str:
    land = {
        row.code: (
            row.recall,
            f"{names.get(row.code, row.code)}: {100 * row.recall:.0f} % of {row.samples:,} right",
        )
        for row in countries
    }
    return draw_world(land, lines, "World map of the model's errors")


def _markup(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - made of numbers and escaped titles
