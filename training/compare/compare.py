"""Figures side by side, and which differences are more than chance."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from shards.console import progress
from training.compare.entries import Entry, why_not_paired
from training.evaluation.intervals import (
    Statistic,
    balanced_accuracy_of,
    mean_of,
    quantile_of,
    units_of,
)
from training.evaluation.metrics import RADII_KM, TOP, geoscores, log_losses
from training.evaluation.page.figures import figure
from training.evaluation.paired import Difference, mcnemar_exact, paired_differences
from training.geometry import Floats

LOWER_IS_BETTER = frozenset(
    ("country.nll", "distance_km.mean", "distance_km.median", "distance_km.p90")
)
MAX_COUNTRIES = 300
Pairs = dict[tuple[int, int], dict[str, Difference]]
"""Of two entries' numbers, the differences of the first less the second."""


def compare(entries: Sequence[Entry], *, seed: int = 0) -> dict[str, Any]:
    """Everything that the page shows, as JSON.

    `paired` is None where the evaluations are of the same samples; else it says why they are not,
    and nothing is called better.
    """
    why = why_not_paired(entries)
    pairs = _pairs(entries, seed) if why is None else {}
    return {
        "evaluations": [_about(entry) for entry in entries],
        "paired": why is None,
        "not_paired": why,
        "figures": [_figure(path, entries, pairs) for path in _paths(entries)],
        "countries": _countries(entries, paired=why is None),
        "configuration": _configuration(entries),
    }


def _about(entry: Entry) -> dict[str, Any]:
    names = ("model", "data_sha256", "split", "set", "refined_by", "fused_views", "samples")
    return {
        "name": entry.name,
        **{name: entry.record[name] for name in names if entry.record.get(name) is not None},
    }


def statistics(entry: Entry) -> dict[str, Statistic]:
    """The figures that are tested, by their path in `evaluation.json`; samples by their keys."""
    rows, order = entry.predictions, entry.order
    rank, region_rank = rows.rank[order], rows.region_rank[order]
    km = rows.distance_km[order]
    found: dict[str, Statistic] = {}
    for k in TOP:
        found[f"country.top{k}"] = mean_of(((rank >= 0) & (rank < k)).astype(np.float64))
        found[f"region.top{k}"] = mean_of(
            ((region_rank >= 0) & (region_rank < k)).astype(np.float64)
        )
    # A sample of a country that the model does not know belongs to no class.
    codes = np.array([rows.country[row] for row in order], dtype=np.str_)
    _, classes = np.unique(codes, return_inverse=True)
    found["country.balanced_accuracy"] = balanced_accuracy_of(
        np.where(rank < 0, -1, classes), np.where(rank == 0, classes, -1)
    )
    found["country.nll"] = mean_of(log_losses(rows.true_probability[order]))
    found["distance_km.mean"] = mean_of(km)
    found["distance_km.median"] = quantile_of(km, 0.5)
    found["distance_km.p90"] = quantile_of(km, 0.9)
    found["distance_km.geoscore"] = mean_of(geoscores(km))
    for radius in RADII_KM:
        inside: Floats = np.where(np.isnan(km), np.nan, km <= radius)
        found[f"distance_km.within.{radius} km"] = mean_of(inside)
    return found


def _paths(entries: Sequence[Entry]) -> list[str]:
    """Figures that at least one evaluation has, in the usual order."""
    order = [
        *(f"country.top{k}" for k in TOP),
        "country.balanced_accuracy",
        *(f"region.top{k}" for k in TOP),
        "distance_km.median",
        "distance_km.mean",
        "distance_km.p90",
        "distance_km.geoscore",
        *(f"distance_km.within.{radius} km" for radius in RADII_KM),
        "country.nll",
        "calibration.ece",
    ]
    return [path for path in order if any(figure(entry.record, path) for entry in entries)]


def _pairs(entries: Sequence[Entry], seed: int) -> Pairs:
    groups = np.array([entries[0].predictions.group[row] for row in entries[0].order], np.str_)
    units, _ = units_of(groups)
    own = [statistics(entry) for entry in entries]
    if len({tuple(_regions(entry)) for entry in entries}) > 1:
        # Regions of one and merged cells of another are not the same question.
        own = [{n: s for n, s in one.items() if not n.startswith("region.")} for one in own]
    every = list(combinations(range(len(entries)), 2))
    found: Pairs = {}
    with progress("pairs", len(every)) as advance:
        for one, other in every:
            found[one, other] = paired_differences(own[one], own[other], units, seed=seed)
            advance()
    return found


def _regions(entry: Entry) -> list[str]:
    return [entry.predictions.region[row] for row in entry.order]


def _figure(path: str, entries: Sequence[Entry], pairs: Pairs) -> dict[str, Any]:
    """Value and interval of each evaluation, its difference from the first one, and which is best.

    `best`: the number of the evaluation that is better than every other one beyond chance.
    """
    values = [_value(entry, path) for entry in entries]
    from_first = [
        None
        if (found := pairs.get((0, number), {}).get(path)) is None
        else _shown(found, path, sign=-1)
        for number in range(len(entries))
    ]
    return {
        "path": path,
        "lower_is_better": path in LOWER_IS_BETTER,
        "values": values,
        "from_first": from_first,
        "best": _best(path, len(entries), pairs),
    }


def _value(entry: Entry, path: str) -> dict[str, Any] | None:
    found = figure(entry.record, path)
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _shown(found: Difference, path: str, sign: int) -> dict[str, Any]:
    low, high = sorted((sign * found.low, sign * found.high))
    value = sign * found.value
    better = (value < 0) == (path in LOWER_IS_BETTER)
    verdict = ("better" if better else "worse") if found.beyond_chance else "chance"
    return {"value": value, "low": low, "high": high, "verdict": verdict}


def _best(path: str, count: int, pairs: Pairs) -> int | None:
    for one in range(count):
        others = [other for other in range(count) if other != one]
        if others and all(_beats(path, one, other, pairs) for other in others):
            return one
    return None


def _beats(path: str, one: int, other: int, pairs: Pairs) -> bool:
    found = pairs.get((min(one, other), max(one, other)), {}).get(path)
    if found is None:
        return False
    verdict: str = _shown(found, path, sign=1 if one < other else -1)["verdict"]
    return verdict == "better"


def _countries(entries: Sequence[Entry], *, paired: bool) -> list[dict[str, Any]]:
    """Recall of each country in each evaluation; the largest differences first.

    `p`: McNemar's exact test of the first evaluation against each other one, of this country alone.
    """
    first = entries[0].predictions
    if not paired:
        return []
    codes = [first.country[row] for row in entries[0].order]
    right = [entry.predictions.right[entry.order] for entry in entries]
    rows = []
    for code in sorted(set(codes) - {""}):
        own = np.array([country == code for country in codes])
        recalls = [float(np.mean(one[own])) for one in right]
        tests = [
            mcnemar_exact(
                int(np.sum(right[0][own] & ~other[own])), int(np.sum(~right[0][own] & other[own]))
            )
            for other in right
        ]
        rows.append({"country": code, "samples": int(own.sum()), "recall": recalls, "p": tests})
    rows.sort(key=lambda row: (-_spread(row), -row["samples"], row["country"]))
    return rows[:MAX_COUNTRIES]


def _spread(row: Mapping[str, Any]) -> float:
    return float(max(row["recall"]) - min(row["recall"]))


def _configuration(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The keys in which the runs' configurations differ, with each run's value."""
    keys = sorted({key for entry in entries for key in entry.config})
    return [
        {"key": key, "values": [entry.config.get(key) for entry in entries]}
        for key in keys
        if len({repr(entry.config.get(key)) for entry in entries if entry.config}) > 1
    ]
