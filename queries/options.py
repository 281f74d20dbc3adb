"""The options of `select`: typed, and as they stand in `selection.json`."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from queries.choices import SplitBy
from queries.splits import PERCENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that decides a selection besides the samples themselves."""

    where: str = ""
    """An SQL condition over the columns of `samples`."""
    allow_unlicensed: bool = False
    """Also takes samples that state no licence or no attribution."""
    like: dict[str, int] | None = None
    """Counts per country, by code or name, whose distribution the selection follows."""
    min_share: Fraction = Fraction(0)
    slack: Fraction | None = None
    split_by: SplitBy = SplitBy.GROUP
    limit: int | None = None
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "allow_unlicensed": self.allow_unlicensed,
            "like": self.like,
            "min_share": str(self.min_share),
            "slack": None if self.slack is None else str(self.slack),
            "split": "random",
            "split_percent": {str(split): percent for split, percent in PERCENT.items()},
            "split_by": str(self.split_by),
            "limit": self.limit,
            "seed": self.seed,
        }
