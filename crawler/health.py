"""Stops a bad run early: what share of the captures may be blank, repeated or without a place."""

from dataclasses import dataclass, fields

from crawler.history import merge_quality
from crawler.stats import Quality
from shards.errors import UsageError, WorkError


class HealthError(WorkError):
    """A check failed; everything that was fetched stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Shares from 0 to 1. The world has many places: a source of one area sets `max_one_place` 1.

    The playground's normal 8 % of bad rounds stay far below all of them.
    """

    min_captures: int = 100
    """Captures before the first check, and from each check to the next; 0 switches all off."""
    min_located: float = 0.7
    """With coordinates or a country."""
    max_blank: float = 0.3
    max_repeated: float = 0.3
    max_one_place: float = 0.9
    """In the most frequent country, or cell of 10 degrees."""

    def __post_init__(self) -> None:
        if self.min_captures < 0:
            raise UsageError(f"--health min_captures={self.min_captures}: give 0 or more")
        for field in fields(self)[1:]:
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                raise UsageError(f"--health {field.name}={share}: give a share from 0 to 1")


def parse_thresholds(text: str) -> Thresholds:
    """`max_blank=0.5,min_located=0`, or `off`. Raises UsageError on anything else."""
    if text == "off":
        return Thresholds(min_captures=0)
    names = [field.name for field in fields(Thresholds)]
    values: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.strip().partition("=")
        try:
            if name not in names:
                raise ValueError
            values[name] = int(number) if name == "min_captures" else float(number)
        except ValueError:
            raise UsageError(
                f"--health {part.strip()}: write off, or NAME=NUMBER with commas between;"
                f" names are {', '.join(names)}"
            ) from None
    return Thresholds(**values)  # type: ignore[arg-type]


def find_problem(quality: Quality, limits: Thresholds) -> str | None:
    """The check that these captures fail, with the numbers; None when they pass all."""
    captures, place = quality.captures, _most_frequent(quality)
    lacking = captures - quality.located
    checks = (
        (lacking, captures, 1 - limits.min_located, "have no place", "min_located"),
        (quality.blank, quality.looked_at, limits.max_blank, "are blank", "max_blank"),
        (quality.repeated, captures, limits.max_repeated, "repeat others", "max_repeated"),
        (place[1], quality.places.total(), limits.max_one_place, place[0], "max_one_place"),
    )
    for bad, of, limit, what, option in checks:
        # A share of exactly the limit passes, also when 1 - 0.7 is not quite 0.3.
        if bad > limit * of + 1e-6:
            return (
                f"{bad} of the last {of} pictures {what}"
                f" ({100 * bad / of:.0f} %, the limit is {100 * limit:.0f} %: {option})"
            )
    return None


def _most_frequent(quality: Quality) -> tuple[str, int]:
    if not quality.places:
        return "", 0
    place, count = max(quality.places.items(), key=lambda item: (item[1], item[0]))
    return f"are from {place!r}", count


class HealthCheck:
    """Judges the captures since the last check, so that a source that turns bad is noticed too."""

    def __init__(self, limits: Thresholds, where: str) -> None:
        self._limits = limits
        self._where = where
        self._judged = Quality()

    def update(self, total: Quality) -> None:
        """Takes the counts of the whole run so far. Raises HealthError when a check fails."""
        fresh = total.since(self._judged)
        if not self._limits.min_captures or fresh.captures < self._limits.min_captures:
            return
        problem = find_problem(fresh, self._limits)
        if problem:
            raise HealthError(
                f"{self._where}: {problem}; the run has ended and what was fetched stays:"
                " look at it, then go on with other limits (--health)"
            )
        self._judged = merge_quality([total])
