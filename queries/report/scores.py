"""The scores of `enrich` as charts: what each tells, and the thresholds that were asked for."""

import json
import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from queries.report.facts import Facts
from shards.layout import DatasetLayout
from shards.pages.histogram import histogram


@dataclass(frozen=True, slots=True)
class Score:
    column: str
    title: str
    meaning: str
    log: bool

    def limits(self, thresholds: dict[str, float]) -> list[float]:
        """The thresholds on this score among the options of `enrich`: lowest, then highest."""
        names = (f"min_{self.column}", f"max_{self.column}")
        return [thresholds[name] for name in names if name in thresholds]


SCORES = (
    Score("rgb_variance", "Colour variance", "low: black, dark, empty", log=True),
    Score("laplacian_variance", "Sharpness", "variance of the Laplacian; low: blurred", log=True),
    Score("brightness", "Brightness", "mean of grey, 0 to 255", log=False),
    Score("contrast", "Contrast", "standard deviation of grey, 0 to 127.5", log=False),
    Score("entropy", "Entropy", "of the grey histogram, 0 to 8 bits", log=False),
)


def stored_numbers(layout: DatasetLayout) -> dict[str, float]:
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


def score_charts(facts: Facts, thresholds: dict[str, float]) -> list[dict[str, Any]]:
    """A histogram of every score that the dataset has; `ends` are those of its axis."""
    charts = []
    for score in SCORES:
        limits = score.limits(thresholds)
        bins = facts.histogram(score.column, log=score.log, reach=limits)
        svg = Markup(histogram(bins, thresholds=limits, log=score.log))  # noqa: S704 - numbers only
        if svg:
            ends = (bins[0].low, bins[-1].high)
            charts.append({"score": score, "svg": svg, "limits": limits, "ends": ends})
    return charts
