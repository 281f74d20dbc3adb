"""What one capture must pass to be kept. Each filter looks at one thing and gives one reason.

A new filter is one small class with one method, added to `default_filters`. It decides from what
a row stores, so other thresholds need no pixels: `decide` gives for a stored row the word that
`enrich` gave, or would give with those filters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from enrich.geo.places import Place
from enrich.geo.position import Position
from enrich.options import EnrichOptions
from enrich.rejection import Rejection
from enrich.scores.quality import Scores
from shards.schema import CountryFrom, Reason

DAMAGES = {Reason.UNDECODABLE, Reason.TRUNCATED, Reason.TOO_SMALL, Reason.TOO_LARGE}
UNPLACED = {Reason.NO_POSITION, Reason.INVALID_POSITION, Reason.NO_COUNTRY}
"""Reasons that a row must be asked for; the others follow from its scores."""
_SCORES = tuple(one.name for one in fields(Scores))
_PLACE = tuple(one.name for one in fields(Place))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was found out about one capture."""

    damage: Rejection | None
    """Why there are no pixels."""
    scores: Scores | None
    """None without pixels."""
    place: Place

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The evidence behind a row of `enriched/`.

        A damaged capture's place may lack its rejection: the damage spoke before it.
        """
        reason = row["reason"] and Reason(row["reason"])
        rejection = Rejection(reason, row["detail"]) if reason else None
        scored = row["rgb_variance"] is not None
        return cls(
            damage=rejection if reason in DAMAGES else None,
            scores=Scores(*(row[name] for name in _SCORES)) if scored else None,
            place=_place(row, rejection if reason in UNPLACED else None),
        )


def _place(row: Mapping[str, Any], rejection: Rejection | None) -> Place:
    columns = {name: row[name] for name in _PLACE if name in row}
    columns["country_from"] = row["country_from"] and CountryFrom(row["country_from"])
    position = None if row["lat"] is None else Position(row["lat"], row["lon"])
    return Place(**columns, position=position, rejection=rejection)


class Filter(Protocol):
    def reject(self, evidence: Evidence) -> Rejection | None:
        """The reason to reject the capture, or None to let it pass."""


class Readable:
    """There is a photograph of the right size."""

    def reject(self, evidence: Evidence) -> Rejection | None:
        return evidence.damage


class Placed:
    """The capture has a place on the globe, or at least a country."""

    def reject(self, evidence: Evidence) -> Rejection | None:
        return evidence.place.rejection


@dataclass(frozen=True, slots=True)
class Above:
    """A score of `enrich.scores.quality` is above the threshold."""

    score: str
    threshold: float
    reason: Reason

    def reject(self, evidence: Evidence) -> Rejection | None:
        if evidence.scores is None or getattr(evidence.scores, self.score) > self.threshold:
            return None
        return _rejection(self, evidence.scores, "above")


@dataclass(frozen=True, slots=True)
class Below:
    """A score of `enrich.scores.quality` is below the threshold."""

    score: str
    threshold: float
    reason: Reason

    def reject(self, evidence: Evidence) -> Rejection | None:
        if evidence.scores is None or getattr(evidence.scores, self.score) < self.threshold:
            return None
        return _rejection(self, evidence.scores, "below")


def _rejection(limit: Above | Below, scores: Scores, side: str) -> Rejection:
    name, value = limit.score.replace("_", " "), getattr(scores, limit.score)
    return Rejection(limit.reason, f"{name} {value:.2f} is not {side} {limit.threshold:g}")


def default_filters(options: EnrichOptions) -> list[Filter]:
    """The filters in the order in which they speak.

    What the first two say stands in no column but the row's reason, so nothing may come before
    them. Dark, glaring and flat pictures have the reason `low_variance`.
    """
    flat, blurry = Reason.LOW_VARIANCE, Reason.BLURRY
    limits: list[tuple[type[Above | Below], str, float | None, Reason]] = [
        (Above, "rgb_variance", options.min_rgb_variance, flat),
        (Above, "laplacian_variance", options.min_laplacian_variance, blurry),
        (Above, "brightness", options.min_brightness, flat),
        (Below, "brightness", options.max_brightness, flat),
        (Above, "contrast", options.min_contrast, flat),
        (Above, "entropy", options.min_entropy, flat),
    ]
    asked = [kind(score, at, reason) for kind, score, at, reason in limits if at is not None]
    return [Readable(), Placed(), *asked]


def first_rejection(filters: Sequence[Filter], evidence: Evidence) -> Rejection | None:
    """The first filter's word that is not None."""
    words = (one.reject(evidence) for one in filters)
    return next((word for word in words if word is not None), None)


def decide(row: Mapping[str, Any], filters: Sequence[Filter]) -> Rejection | None:
    """What the filters say of a row of `enriched/`, without its pixels."""
    return first_rejection(filters, Evidence.from_row(row))
