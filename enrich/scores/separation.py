"""How well each score tells photographs from spoiled versions of themselves.

AUC is the area under the ROC curve: the probability that a photograph scores higher than a spoiled
one, ties counting half (the Mann-Whitney U statistic over the number of pairs). 1 is perfect, 0.5
is blind. The suggested threshold maximises Youden's J: the share of photographs that it keeps,
less the share of spoiled ones that it keeps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels
from enrich.scores.degrade import Degradation, degradations
from enrich.scores.quality import score

SCORES = ("rgb_variance", "laplacian_variance", "brightness", "contrast", "entropy")

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Separation:
    """One score against one way to spoil a photograph."""

    degradation: Degradation
    score: str
    auc: float
    threshold: float
    """Suggested: a photograph stays when its score is above it."""
    kept: float
    """Share of the photographs above the suggested threshold."""
    rejected: float
    """Share of the spoiled ones not above it."""
    in_use: float | None
    """The threshold that the options ask for, if they do."""
    rejected_in_use: float | None

    @property
    def expected(self) -> bool:
        """Whether this score is there to see this."""
        return self.score in self.degradation.seen_by


def auc(above: Values, below: Values) -> float:
    """The probability that one of `above` is larger than one of `below`, ties half."""
    ranked = np.sort(below)
    smaller = np.searchsorted(ranked, above, "left") + np.searchsorted(ranked, above, "right")
    return float(smaller.sum() / (2 * len(above) * len(below)))


def best_threshold(above: Values, below: Values) -> float:
    """The threshold of the largest Youden's J, half-way between two values; the lowest if many.

    Values are 0 or more.
    """
    values = np.unique(np.concatenate([above, below]))
    cuts = np.concatenate([values[:1] / 2, (values[:-1] + values[1:]) / 2, values[-1:]])
    gains = _share_above(above, cuts) - _share_above(below, cuts)
    return float(cuts[np.argmax(gains)])


def _share_above(values: Values, cuts: Values) -> Values:
    return 1 - np.searchsorted(np.sort(values), cuts, "right") / len(values)


def measure(
    photographs: Iterable[Pixels], thresholds: Mapping[str, float]
) -> tuple[int, list[Separation]]:
    """The number of photographs, and every score against every degradation.

    `photographs` have the working size. `thresholds` are those of `EnrichOptions`. Without a
    photograph there is nothing to tell apart, and the list is empty.
    """
    ways = list(degradations())
    rows = [[_scores(pixels), *(_scores(way(pixels)) for way in ways)] for pixels in photographs]
    if not rows:
        return 0, []
    table = np.array(rows)  # (photograph, version, score)
    found = [
        _separation(way, name, table[:, 0, column], table[:, version, column], thresholds)
        for version, way in enumerate(ways, 1)
        for column, name in enumerate(SCORES)
    ]
    return len(rows), found


def _scores(pixels: Pixels) -> list[float]:
    scores = score(pixels)
    return [getattr(scores, name) for name in SCORES]


def _separation(
    way: Degradation, name: str, real: Values, spoiled: Values, thresholds: Mapping[str, float]
) -> Separation:
    cut = best_threshold(real, spoiled)
    in_use = thresholds.get(f"min_{name}")
    return Separation(
        degradation=way,
        score=name,
        auc=auc(real, spoiled),
        threshold=cut,
        kept=float(np.mean(real > cut)),
        rejected=float(np.mean(spoiled <= cut)),
        in_use=in_use,
        rejected_in_use=None if in_use is None else float(np.mean(spoiled <= in_use)),
    )
