"""Whether a model is right as often as it says: reliability, and the temperature that mends it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.outcomes import Classified, Ints
from training.geometry import Floats

BINS = 15
"""Of equal width (Guo et al. 2017)."""
COLDEST, HOTTEST = 0.05, 20.0


def reliability(
    confidence: Floats, right: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, Any]]:
    """Bins of equal width with at least one sample: how sure, and how often right.

    Each is (low, high]; a confidence of exactly 0 belongs to the first one.
    """
    number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return [
        {
            "low": int(own) / bins,
            "high": (int(own) + 1) / bins,
            "samples": int(np.sum(number == own)),
            "confidence": float(confidence[number == own].mean()),
            "accuracy": float(right[number == own].mean()),
        }
        for own in np.unique(number)
    ]


def expected_error(curve: list[dict[str, Any]]) -> float | None:
    """Expected calibration error: mean |accuracy - confidence|, weighted by samples."""
    samples = sum(row["samples"] for row in curve)
    if not samples:
        return None
    gaps = (row["samples"] * abs(row["accuracy"] - row["confidence"]) for row in curve)
    return float(sum(gaps) / samples)


def calibration_figures(outcomes: Classified, temperature: float) -> dict[str, Any]:
    """Of samples whose class the model knows."""
    known = outcomes.true >= 0
    curve = reliability(outcomes.probability[known], outcomes.right[known])
    brier = outcomes.brier[known]
    return {
        "ece": expected_error(curve),
        "brier": float(brier.mean()) if len(brier) else None,
        "temperature": temperature,
        "reliability": curve,
    }


def fit_temperature(logits: NDArray[np.floating[Any]], targets: Ints) -> float:
    """The T that minimises the mean negative log-likelihood of softmax(logits / T).

    `logits`: (n, classes). `targets`: (n,) classes; -1 for unknown ones, which are left out. In
    1/T the likelihood is concave, so the root of its derivative is the only optimum; T stays within
    [0.05, 20], where a model that is always or never right would leave it. 1 without any sample.
    """
    from scipy.optimize import brentq

    known = targets >= 0
    if not known.any():
        return 1.0
    values = logits[known].astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    own = values[np.arange(len(values)), targets[known]].mean()

    def slope(beta: float) -> float:
        """Of the mean negative log-likelihood by beta = 1/T; grows with beta."""
        powers = np.exp(beta * values)
        return float(((powers * values).sum(axis=1) / powers.sum(axis=1)).mean() - own)

    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    if slope(1 / COLDEST) <= 0:
        return COLDEST
    return float(1 / brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-12))
