"""Charts of an evaluation as inline SVG. Colours come from the page's style sheet, by class."""

from dataclasses import dataclass

import numpy as np

from shards.pages.histogram import Bin, histogram
from training.evaluation.metrics import RADII_KM, wilson_interval
from training.evaluation.page.predictions import Predictions

_BINS_A_DECADE = 8
_LEAST_KM, _MOST_KM = 0.1, 20_038.0
"""Half of the equator is the farthest that two places can be apart."""
CONFIDENCE_BINS = 10


@dataclass(frozen=True, slots=True)
class Confidence:
    """The answers whose probability is in one tenth of 0 to 1."""

    samples: int
    probability: float
    """Mean."""
    accuracy: float
    low: float
    high: float


def distance_histogram(predictions: Predictions) -> str:
    """Errors in km on a logarithmic axis, by whether the country was right; empty without any.

    What is nearer than 100 m stands in the first bar.
    """
    known = ~np.isnan(predictions.distance_km)
    if not known.any():
        return ""
    decades = np.log10(_MOST_KM / _LEAST_KM)
    edges = np.geomspace(_LEAST_KM, _MOST_KM, round(decades * _BINS_A_DECADE) + 1)
    km = np.clip(predictions.distance_km, _LEAST_KM, _MOST_KM)
    right, _ = np.histogram(km[known & predictions.right], edges)
    wrong, _ = np.histogram(km[known & ~predictions.right], edges)
    # From the first bar that holds something, so that an empty half does not press the rest.
    first = max(0, int(np.flatnonzero(right + wrong)[0]) - 1)
    bins = [
        Bin(float(low), float(high), int(a), int(b))
        for low, high, a, b in zip(edges[:-1], edges[1:], right, wrong, strict=True)
    ]
    names = ("right country", "wrong country")
    return histogram(bins[first:], thresholds=RADII_KM, log=True, names=names)


def confidences(predictions: Predictions) -> list[Confidence]:
    """By tenths of the predicted country's probability; tenths without answers are left out.

    A sample whose country the model does not know counts as wrong.
    """
    known = ~np.isnan(predictions.probability)
    given, right = predictions.probability[known], predictions.right[known]
    tenth = np.clip((given * CONFIDENCE_BINS).astype(np.int64), 0, CONFIDENCE_BINS - 1)
    found = []
    for number in range(CONFIDENCE_BINS):
        own = tenth == number
        if not own.any():
            continue
        accuracy, samples = float(right[own].mean()), int(own.sum())
        interval = wilson_interval(accuracy, samples)
        found.append(Confidence(samples, float(given[own].mean()), accuracy, *interval))
    return found


def calibration_error(bins: list[Confidence]) -> float:
    """Expected calibration error: the mean of |accuracy - probability| over answers.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    total = sum(one.samples for one in bins)
    gaps = (one.samples * abs(one.accuracy - one.probability) for one in bins)
    return sum(gaps) / total if total else 0.0


def reliability_curve(bins: list[Confidence]) -> str:
    """How often answers of each probability were right; on the diagonal is what they promise."""
    width, height, left, right, top, floor = 420.0, 300.0, 44.0, 12.0, 10.0, 258.0
    if not bins:
        return ""
    most = max(one.samples for one in bins)

    def x(value: float) -> float:
        return left + (width - left - right) * value

    def y(value: float) -> float:
        return floor - (floor - top) * value

    label = "Share of right answers by the probability that the model gave them"
    box = f"0 0 {width:.0f} {height:.0f}"
    parts = [f'<svg class="reliability" viewBox="{box}" role="img" aria-label="{label}">']
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1):
        at = f"{y(value):.1f}"
        parts.append(
            f'<path class="axis" d="M{left} {at}H{width - right}"/>'
            f'<text class="tick end" x="{left - 6}" y="{y(value) + 4:.1f}">'
            f"{100 * value:.0f} %</text>"
            f'<text class="tick" x="{x(value):.1f}" y="{floor + 17}">{value:g}</text>'
        )
    parts.append(f'<path class="ideal" d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}"/>')
    line = "L".join(f"{x(one.probability):.1f} {y(one.accuracy):.1f}" for one in bins)
    parts.append(f'<path class="curve" d="M{line}"/>')
    for one in bins:
        at = f"{x(one.probability):.1f}"
        radius = 2.5 + 4.5 * (one.samples / most) ** 0.5
        parts.append(
            f'<path class="whisker" d="M{at} {y(one.low):.1f}V{y(one.high):.1f}"/>'
            f'<circle class="point" cx="{at}" cy="{y(one.accuracy):.1f}" r="{radius:.1f}"><title>'
            f"{one.samples:,} answers of {one.probability:.2f}: {100 * one.accuracy:.1f} % right"
            "</title></circle>"
        )
    parts.append(
        f'<text class="tick end" x="{width - right}" y="{height - 6}">'
        "probability given</text></svg>"
    )
    return "".join(parts)
