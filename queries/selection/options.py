"""The options of `select`: typed, and as they stand in `selection.json`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Self

from enrich.duplicates.hamming import MAX_DISTANCE
from queries.choices import COUNTRY, Rule, SplitBy, SplitMethod
from queries.selection.splits import DEFAULT_SHARES, Shares, Split, parse_shares
from shards.errors import UsageError

MIN_BLOCK_KM, MAX_BLOCK_KM = 0.1, 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that decides a selection besides the samples themselves."""

    where: str = ""
    """An SQL condition over the columns of `samples`."""
    allow_unlicensed: bool = False
    """Also takes samples that state no licence or no attribution."""
    decontaminate: tuple[str, ...] = ()
    """Datasets, shard directories and tables from which every sample must differ."""
    decontaminate_bits: int = 6
    """With `decontaminate`: perceptual hashes at most so many bits apart are one picture."""
    decontaminate_km: float = 0.025
    """With `decontaminate`: samples nearer than this to one of theirs are dropped; 0: none."""
    like: dict[str, int] | None = None
    """Counts per country, by code or name, whose distribution the selection follows."""
    rule: Rule | None = None
    """What counts follow; with `like` and no rule, the counts themselves."""
    by: str = COUNTRY
    """What counts are by: a column of `samples`, or an SQL expression over them."""
    min_share: Fraction = Fraction(0)
    slack: Fraction | None = None
    max_per: int | None = None
    """At most so many of each value of `by`."""
    split: SplitMethod = SplitMethod.RANDOM
    split_by: SplitBy = SplitBy.GROUP
    shares: Shares = DEFAULT_SHARES
    block_km: float = 50.0
    """With the spatial split: about the width and height of a block."""
    buffer_km: float = 5.0
    """With the spatial split: the least distance between samples of two splits."""
    limit: int | None = None
    seed: int = 0

    @property
    def mapped(self) -> bool:
        """Whether what is taken depends on how many samples there are of each value of `by`."""
        return (self.like, self.rule, self.max_per) != (None, None, None)

    def to_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "allow_unlicensed": self.allow_unlicensed,
            **(
                {
                    "decontaminate": list(self.decontaminate),
                    "decontaminate_bits": self.decontaminate_bits,
                    "decontaminate_km": self.decontaminate_km,
                }
                if self.decontaminate
                else {}
            ),
            "like": self.like,
            "rule": None if self.rule is None else str(self.rule),
            "by": self.by,
            "min_share": str(self.min_share),
            "slack": None if self.slack is None else str(self.slack),
            "max_per": self.max_per,
            "split": str(self.split),
            "split_percent": {
                str(split): int(share) if share.denominator == 1 else float(share)
                for split, share in zip(Split, self.shares, strict=True)
            },
            "split_by": str(self.split_by),
            **(
                {"block_km": self.block_km, "buffer_km": self.buffer_km}
                if self.split is SplitMethod.SPATIAL
                else {}
            ),
            "limit": self.limit,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Self:
        """The inverse of `to_json`. Raises UsageError, naming `where`, for what it never gave."""
        known = {field.name for field in fields(cls)} - {"shares"} | {"split_percent"}
        if unknown := sorted(values.keys() - known):
            raise UsageError(f"{where}: unknown options {', '.join(unknown)}; update lostfound")
        given = dict(values)
        try:
            if percents := given.pop("split_percent", None):
                given["shares"] = parse_shares(",".join(str(percents[split]) for split in Split))
            for name, kind in _KINDS.items():
                if given.get(name) is not None:
                    given[name] = kind(given[name])
            # Selections that were made before rights were asked for hold everything.
            return cls(**{"allow_unlicensed": True} | given)
        except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
            raise UsageError(f"{where}: its options cannot be read ({error})") from None


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(map(str, value))


_KINDS: dict[str, Callable[[Any], Any]] = {
    "min_share": Fraction,
    "slack": Fraction,
    "rule": Rule,
    "by": str,
    "max_per": int,
    "split": SplitMethod,
    "split_by": SplitBy,
    "block_km": float,
    "decontaminate": _names,
    "decontaminate_bits": int,
    "decontaminate_km": float,
    "buffer_km": float,
    "where": str,
    "limit": int,
    "seed": int,
}
"""What makes an option of what JSON says."""


def spatial_options(
    split: SplitMethod, block_km: float | None, buffer_km: float | None
) -> dict[str, Any]:
    """Those of `Options` that belong to a spatial split, as far as they are given.

    Raises UsageError for lengths out of range, and with another split.
    """
    given = {
        name: value
        for name, value in (("block_km", block_km), ("buffer_km", buffer_km))
        if value is not None
    }
    if given and split is not SplitMethod.SPATIAL:
        raise UsageError("--block-km and --buffer-km belong to --split spatial; give it too")
    if not MIN_BLOCK_KM <= given.get("block_km", MIN_BLOCK_KM) <= MAX_BLOCK_KM:
        raise UsageError(f"--block-km {block_km:g}: from {MIN_BLOCK_KM} to {MAX_BLOCK_KM:,.0f} km")
    if not 0 <= given.get("buffer_km", 0) <= MAX_BLOCK_KM:
        raise UsageError(f"--buffer-km {buffer_km:g}: from 0 to {MAX_BLOCK_KM:,.0f} km")
    return given


def decontaminate_options(
    others: Sequence[str], bits: int | None, km: float | None
) -> dict[str, Any]:
    """Those of `Options` that belong to --decontaminate, as far as they are given.

    Raises UsageError for values out of range, and without anything to compare to.
    """
    given = {
        name: value
        for name, value in (("decontaminate_bits", bits), ("decontaminate_km", km))
        if value is not None
    }
    if given and not others:
        raise UsageError(
            "--decontaminate-bits and --decontaminate-km belong to --decontaminate OTHER;"
            " give it too"
        )
    if not 0 <= given.get("decontaminate_bits", 0) <= MAX_DISTANCE:
        raise UsageError(f"--decontaminate-bits {bits}: from 0 to {MAX_DISTANCE}")
    if not 0 <= given.get("decontaminate_km", 0) <= MAX_BLOCK_KM:
        raise UsageError(f"--decontaminate-km {km:g}: from 0 to {MAX_BLOCK_KM:,.0f} km")
    return {"decontaminate": tuple(others), **given}
