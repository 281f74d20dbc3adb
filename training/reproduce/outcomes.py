"""Figures of a recipe over seeds, from what became of each test photograph, with intervals.

An interval is of the bootstrap over photographs (95 %, percentiles): a resample draws photographs
with replacement, the same ones for all seeds and recipes, and its figure is the mean over seeds. So
it says how far the figure depends on which photographs were tested. How far it depends on the
seed is said beside it, by the lowest and the highest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.folder import PREDICTIONS_NAME
from training.evaluation.metrics import geoscores
from training.geometry import Floats
from training.reproduce.recipes import Task

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each photograph of the test split, in its order, all of shape (n,)."""

    country: NDArray[np.int64]
    """A number for each country; -1 for one that no network knows."""
    country_rank: Floats
    """NaN for a country that the network does not know."""
    region_rank: Floats
    distance_km: Floats


def read_outcomes(folder: Path) -> Outcomes:
    """From the folder that `evaluate` wrote."""
    import pyarrow.parquet as pq

    columns = ["country", "country_rank", "region_rank", "distance_km"]
    table = pq.read_table(folder / PREDICTIONS_NAME, columns=columns).to_pydict()
    rank, region_rank, distance = (np.array(table[name], dtype=np.float64) for name in columns[1:])
    _, country = np.unique([code or "" for code in table["country"]], return_inverse=True)
    return Outcomes(np.where(np.isnan(rank), -1, country), rank, region_rank, distance)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    task: Task
    name: str
    label: str
    higher_is_better: bool
    of: Callable[[Outcomes, NDArray[np.int64]], float]
    """Of some of the photographs, by their rows."""
    form: str = "{:.1%}"


def _top(column: str, k: int) -> Callable[[Outcomes, NDArray[np.int64]], float]:
    return lambda found, rows: float(np.mean(getattr(found, column)[rows] < k))


def _balanced(found: Outcomes, rows: NDArray[np.int64]) -> float:
    true, right = found.country[rows], found.country_rank[rows] == 0
    known = true >= 0
    samples = np.bincount(true[known])
    hits = np.bincount(true[known], weights=right[known])
    return float(np.mean(hits[samples > 0] / samples[samples > 0]))


def _mean_km(found: Outcomes, rows: NDArray[np.int64]) -> float:
    return float(np.nanmean(found.distance_km[rows]))


def _median_km(found: Outcomes, rows: NDArray[np.int64]) -> float:
    return float(np.nanmedian(found.distance_km[rows]))


def _geoscore(found: Outcomes, rows: NDArray[np.int64]) -> float:
    return float(np.nanmean(geoscores(found.distance_km[rows])))


FIGURES = (
    Figure("country", "top1", "Country top-1", True, _top("country_rank", 1)),
    Figure("country", "top5", "Country top-5", True, _top("country_rank", 5)),
    Figure("country", "balanced_accuracy", "Country, balanced", True, _balanced),
    Figure("region", "top1", "Region top-1", True, _top("region_rank", 1)),
    Figure("region", "top5", "Region top-5", True, _top("region_rank", 5)),
    Figure("region", "median_km", "Region, median km", False, _median_km, "{:,.0f}"),
    Figure("region", "country_top1", "Region → country top-1", True, _top("country_rank", 1)),
    Figure("coordinates", "mean_km", "Coordinates, mean km", False, _mean_km, "{:,.0f}"),
    Figure("coordinates", "median_km", "Coordinates, median km", False, _median_km, "{:,.0f}"),
    Figure("coordinates", "geoscore", "Coordinates, GeoScore", True, _geoscore, "{:,.0f}"),
)


def measure(figure: Figure, recipes: dict[str, Sequence[Outcomes]]) -> dict[str, dict[str, Any]]:
    """By recipe `mean`, `low`, `high` (the interval), and `seeds` (each one's figure).

    `recipes`: for each the outcomes of every seed. All but the last one also have `gain_low` and
    `gain_high`: the interval of how much better the last one is, on the same resamples.
    """
    samples = len(next(iter(recipes.values()))[0].country)
    everything = np.arange(samples)
    random = np.random.default_rng(0)
    draws = [random.integers(0, samples, samples) for _ in range(RESAMPLES)]
    result: dict[str, dict[str, Any]] = {}
    spread: dict[str, Floats] = {}
    for name, seeds in recipes.items():
        spread[name] = np.array(
            [np.mean([figure.of(found, rows) for found in seeds]) for rows in draws]
        )
        each = [figure.of(found, everything) for found in seeds]
        low, high = np.quantile(spread[name], [0.025, 0.975]).tolist()
        result[name] = {"mean": float(np.mean(each)), "low": low, "high": high, "seeds": each}
    *others, ours = recipes
    for name in others:
        gain = (spread[ours] - spread[name]) * (1 if figure.higher_is_better else -1)
        low, high = np.quantile(gain, [0.025, 0.975]).tolist()
        result[name] |= {"gain_low": low, "gain_high": high}
    return result
