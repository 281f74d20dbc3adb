"""The figures of an evaluation, from per-sample results in plain numpy.

Ranks gather per-sample results first, so a figure over several processes is exactly the figure
over one: medians and balanced accuracy cannot be had from sums.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.geometry import EARTH_RADIUS_KM, GEOSCORE_SCALE_KM, Floats

TOP = (1, 3, 5)
RADII_KM = (1, 25, 200, 750, 2500)
"""Street, city, region, country, continent: the usual thresholds since Im2GPS."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each sample of a split."""

    country: NDArray[np.int64]
    """(n,) true class; -1 for a country that the model does not know."""
    predicted: NDArray[np.int64]
    """(n,) most probable country."""
    rank: NDArray[np.int64]
    """(n,) how many countries were judged more probable than the true one; -1 when unknown."""
    distance_km: Floats
    """(n,) between the predicted and the true position; NaN for a sample without coordinates."""


def top_k(outcomes: Outcomes, k: int) -> float:
    """Share of all samples whose country is among the k most probable.

    A country that the model does not know counts as wrong.
    """
    return float(np.mean((outcomes.rank >= 0) & (outcomes.rank < k)))


def balanced_accuracy(country: NDArray[np.int64], predicted: NDArray[np.int64]) -> float | None:
    """Mean recall over the known countries that occur; None when none does.

    Unknown countries (-1) are no class: as one with recall 0 they would lower the mean.
    """
    classes = np.unique(country[country >= 0])
    if len(classes) == 0:
        return None
    return float(np.mean([np.mean(predicted[country == c] == c) for c in classes]))


def wilson_interval(share: float, samples: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    centre = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2))
    half /= 1 + z * z / samples
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def distance_figures(distance_km: Floats) -> dict[str, Any]:
    """Mean and median km, the share within each radius, and the mean GeoScore, over known ones."""
    known = distance_km[~np.isnan(distance_km)]
    if len(known) == 0:
        return {"samples": 0, "mean": None, "median": None, "geoscore": None, "within": {}}
    return {
        "samples": len(known),
        "mean": float(np.mean(known)),
        "median": float(np.median(known)),
        "geoscore": float(np.mean(5000 * np.exp(-known / GEOSCORE_SCALE_KM))),
        "within": {f"{r} km": float(np.mean(known <= r)) for r in RADII_KM},
        "earth_radius": EARTH_RADIUS_KM,
    }


def country_figures(outcomes: Outcomes) -> dict[str, Any]:
    low, high = wilson_interval(top_k(outcomes, 1), len(outcomes.country))
    return {
        **{f"top{k}": top_k(outcomes, k) for k in TOP},
        "balanced_accuracy": balanced_accuracy(outcomes.country, outcomes.predicted),
        "top1_low": low,
        "top1_high": high,
        "unknown": int(np.sum(outcomes.country < 0)),
    }


def figures(outcomes: Outcomes) -> dict[str, Any]:
    """All figures of a split with at least one sample."""
    return {
        "samples": len(outcomes.country),
        "country": country_figures(outcomes),
        "distance_km": distance_figures(outcomes.distance_km),
    }
