"""How many pictures of each country to take so that a pool follows a target distribution.

Pure and exact: counts are integers and thresholds are fractions, so no quota is ever off by the
rounding of a float. `queries.distribution.rules` says which target each rule follows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shards.errors import UsageError


@dataclass(frozen=True, slots=True)
class DistributionMapping:
    """The outcome of `quotas`. Countries are the names that the counts use."""

    quotas: dict[str, int]
    """Pictures to take per country, largest first; never zero, never more than the pool has."""
    missing: list[str]
    """Countries of the target that the pool does not have, sorted."""
    left_out: list[str]
    """Countries of the pool that get no quota, sorted."""

    @property
    def total(self) -> int:
        return sum(self.quotas.values())

    def to_json(self) -> dict[str, object]:
        return {
            "quotas": self.quotas,
            "total": self.total,
            "missing": self.missing,
            "left_out": self.left_out,
        }


def quotas(
    pool: Mapping[str, int],
    target: Mapping[str, int],
    min_share: Fraction = Fraction(0),
    slack: Fraction | None = None,
    *,
    root: int = 1,
) -> DistributionMapping:
    """Maps `pool` to the distribution `target`; both are counts per country, at least 0.

    Core countries have a target t > 0, a pool n > 0 and a share of the whole pool of at least
    `min_share`. The scarcest of them sets the scale f = min(n / t), and each gets ceil(t * f).
    With `slack` s, every other country with a target and n / t >= s * f joins with ceil(s * n).
    With `root` 2, the square root of each t stands in place of t.
    Raises UsageError when no country is core.
    """
    pool_total = sum(pool.values())
    wanted = {name: count for name, count in target.items() if count > 0}
    present = {name: pool[name] for name in wanted if pool.get(name, 0) > 0}
    least = min_share * pool_total
    core = {name: n for name, n in present.items() if n * least.denominator >= least.numerator}
    if not core:
        raise UsageError(_why_empty(pool_total, wanted, present, min_share))
    # In powers: with r = root, n / t ** (1 / r) >= s * f just where n ** r / t >= s ** r * f ** r.
    scale = _scarcest(core, wanted, root)
    chosen = {name: scaled(wanted[name], scale, root) for name in core}
    if slack is not None:
        joins = slack**root * scale
        for name, n in present.items():
            if name in core or n**root * joins.denominator < joins.numerator * wanted[name]:
                continue
            chosen[name] = -(-slack.numerator * n // slack.denominator)
    # A slack of 0 lets countries join with nothing.
    chosen = {name: quota for name, quota in chosen.items() if quota > 0}
    return DistributionMapping(
        quotas=largest_first(chosen),
        missing=sorted(wanted.keys() - present.keys()),
        left_out=sorted(name for name, n in pool.items() if n > 0 and name not in chosen),
    )


def parse_share(text: str, name: str) -> Fraction:
    """A decimal number from 0 to 1, read exactly. Raises UsageError naming the option `name`."""
    try:
        value = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{name} {text!r}: give a number from 0 to 1, such as 0.0075") from None
    if not 0 <= value <= 1:
        raise UsageError(f"{name} {text}: outside 0 to 1")
    return value


def scaled(weight: int, scale: Fraction, root: int) -> int:
    """The smallest whole number whose power `root`, 1 or 2, is at least weight · scale, not 0."""
    # In integers: one Fraction for every country would take most of the time.
    whole = -(-weight * scale.numerator // scale.denominator)
    return whole if root == 1 else math.isqrt(whole - 1) + 1


def _scarcest(core: Mapping[str, int], wanted: Mapping[str, int], root: int) -> Fraction:
    """The smallest n ** root / t."""
    best, best_weight = 1, 0
    for name, n in core.items():
        if n**root * best_weight < best * wanted[name] or not best_weight:
            best, best_weight = n**root, wanted[name]
    return Fraction(best, best_weight)


def largest_first(quotas: Mapping[str, int]) -> dict[str, int]:
    """Equal ones by name."""
    return dict(sorted(quotas.items(), key=lambda item: (-item[1], item[0])))


def _why_empty(
    pool_total: int, wanted: Mapping[str, int], present: Mapping[str, int], min_share: Fraction
) -> str:
    if not wanted:
        return "the target counts are all zero; give at least one country a count"
    if not pool_total:
        return "the pool's counts are all zero; there is nothing to take"
    if not present:
        return (
            "pool and target have no country in common;"
            " do both name countries, or both the values of one column?"
        )
    return (
        f"no country with a target has a share of at least {float(min_share):g} of the pool;"
        " lower --min-share"
    )
