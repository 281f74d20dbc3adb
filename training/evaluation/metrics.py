"""The figures of an evaluation, from what became of each sample, in plain numpy.

One small function for each figure. A share is one of all samples; a sample whose class the model
does not know can only be wrong, and counts as wrong. What compares classes with each other has no
class for it.
"""

from typing import Any

import numpy as np

from training.evaluation.outcomes import Classified, Ints, Outcomes
from training.geometry import EARTH_RADIUS_KM, GEOSCORE_SCALE_KM, Floats

TOP = (1, 3, 5)
RADII_KM = (1, 25, 200, 750, 2500)
"""Street, city, region, country, continent: the usual thresholds since Im2GPS."""
GEOSCORE_MAX = 5000


def top_k(rank: Ints, k: int) -> float:
    """Share of samples whose class is among the k most probable; an unknown one (-1) is not."""
    return float(np.mean((rank >= 0) & (rank < k)))


def balanced_accuracy(true: Ints, predicted: Ints) -> float | None:
    """Mean recall over the known classes that occur; None when none does.

    Unknown classes (-1) are no class: as one with recall 0 they would lower the mean.
    """
    known = true >= 0
    if not known.any():
        return None
    samples = np.bincount(true[known])
    right = np.bincount(true[known], weights=true[known] == predicted[known])
    occurs = samples > 0
    return float(np.mean(right[occurs] / samples[occurs]))


def log_losses(true_probability: Floats) -> Floats:
    """-ln p(true class) of each sample; NaN stays.

    A probability below the smallest normal float64 counts as that.
    """
    return np.asarray(-np.log(np.maximum(true_probability, np.finfo(np.float64).tiny)))


def mean_nll(true_probability: Floats) -> float | None:
    """Mean negative log-likelihood over samples of known classes; None without any."""
    return mean_known(log_losses(true_probability))


def mean_known(values: Floats) -> float | None:
    """Mean of the values that are numbers; None without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def geoscores(distance_km: Floats) -> Floats:
    """5000·exp(-d/1492.7), not rounded (OSV-5M; PIGEON rounds each)."""
    return np.asarray(GEOSCORE_MAX * np.exp(-distance_km / GEOSCORE_SCALE_KM))


def within(distance_km: Floats, radius_km: float) -> float:
    """Share of distances of at most `radius_km`.

    `<=` as in GeoEstimation and GeoCLIP; PIGEON and OSV-5M have `<`, which is the same unless a
    distance equals a radius to the last bit.
    """
    return float(np.mean(distance_km <= radius_km))


def wilson_interval(share: float, samples: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    centre = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2))
    half /= 1 + z * z / samples
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def distance_figures(distance_km: Floats) -> dict[str, Any]:
    """Km, shares within radii and mean GeoScore, over samples of which both positions are known."""
    known = distance_km[~np.isnan(distance_km)]
    if len(known) == 0:
        names = ("mean", "median", "p90", "geoscore")
        return {"samples": 0, **dict.fromkeys(names), "within": {}}
    return {
        "samples": len(known),
        "mean": float(np.mean(known)),
        "median": float(np.median(known)),
        "p90": float(np.quantile(known, 0.9)),
        "geoscore": float(np.mean(geoscores(known))),
        "within": {f"{radius} km": within(known, radius) for radius in RADII_KM},
        "earth_radius": EARTH_RADIUS_KM,
    }


def class_figures(outcomes: Classified) -> dict[str, Any]:
    """Of countries or of regions. The interval is Wilson's."""
    low, high = wilson_interval(top_k(outcomes.rank, 1), len(outcomes))
    return {
        **{f"top{k}": top_k(outcomes.rank, k) for k in TOP},
        "top1_low": low,
        "top1_high": high,
        "balanced_accuracy": balanced_accuracy(outcomes.true, outcomes.predicted),
        "nll": mean_nll(outcomes.true_probability),
        "unknown": int(np.sum(outcomes.true < 0)),
    }


def figures(outcomes: Outcomes) -> dict[str, Any]:
    """What is measured while training, of a split with at least one sample."""
    return {
        "samples": len(outcomes),
        "country": class_figures(outcomes.country),
        "region": class_figures(outcomes.region) if outcomes.region else None,
        "distance_km": distance_figures(outcomes.distance_km),
        "loss": float(np.mean(outcomes.loss)),
    }
