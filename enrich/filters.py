"""What one capture must pass to be kept. Each filter looks at one thing and gives one reason.

A new filter is one small class with one method, added to `default_filters`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from enrich.options import EnrichOptions
from enrich.places import Place
from enrich.quality import Scores
from enrich.rejection import Rejection
from shards.schema import Reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was found out about one capture."""

    damage: Rejection | None
    """Why there are no pixels."""
    scores: Scores | None
    """None without pixels."""
    place: Place


class Filter(Protocol):
    def reject(self, evidence: Evidence) -> Rejection | None:
        """The reason to reject the capture, or None to let it pass."""


class Readable:
    """There is a photograph of the right size."""

    def reject(self, evidence: Evidence) -> Rejection | None:
        return evidence.damage


@dataclass(frozen=True, slots=True)
class ColourVariance:
    """Not black, not one flat colour: the variance is above the threshold."""

    threshold: float

    def reject(self, evidence: Evidence) -> Rejection | None:
        if evidence.scores is None or evidence.scores.rgb_variance > self.threshold:
            return None
        found = f"RGB variance {evidence.scores.rgb_variance:.1f} is not above {self.threshold:g}"
        return Rejection(Reason.LOW_VARIANCE, found)


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Not blurred: the variance of the Laplacian is above the threshold."""

    threshold: float

    def reject(self, evidence: Evidence) -> Rejection | None:
        if evidence.scores is None or evidence.scores.laplacian_variance > self.threshold:
            return None
        variance = evidence.scores.laplacian_variance
        found = f"Laplacian variance {variance:.1f} is not above {self.threshold:g}"
        return Rejection(Reason.BLURRY, found)


class Placed:
    """The capture has a place on the globe, or at least a country."""

    def reject(self, evidence: Evidence) -> Rejection | None:
        return evidence.place.rejection


def default_filters(options: EnrichOptions) -> list[Filter]:
    """The filters in the order in which they speak."""
    return [
        Readable(),
        ColourVariance(options.min_rgb_variance),
        Sharpness(options.min_laplacian_variance),
        Placed(),
    ]


def first_rejection(filters: Sequence[Filter], evidence: Evidence) -> Rejection | None:
    """The first filter's word that is not None."""
    words = (one.reject(evidence) for one in filters)
    return next((word for word in words if word is not None), None)
