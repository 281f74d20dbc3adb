"""What a distribution follows: a target, the same count each, a square root, an area, or a cap.

Pure: counts in, quotas out. Which name of the target is which of the pool:
`queries.distribution.naming`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from queries.choices import Rule
from queries.distribution.mapping import DistributionMapping, largest_first, quotas
from shards.errors import UsageError

HECTARES_PER_KM2 = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a mapping is to follow."""

    rule: Rule | None = None
    """None takes all there is, up to `max_per`."""
    target: Mapping[str, int] | None = None
    """Counts by the pool's names. Rules other than TARGET may do without; then the pool's names
    are those that count, and SQRT takes the root of the pool."""
    areas_km2: Mapping[str, float] | None = None
    """For AREA, by the pool's names; a name without an area gets nothing."""
    min_share: Fraction = Fraction(0)
    slack: Fraction | None = None
    max_per: int | None = None
    """No quota is larger."""

    @property
    def root(self) -> int:
        return 2 if self.rule is Rule.SQRT else 1


def map_pool(pool: Mapping[str, int], wish: Wish) -> DistributionMapping:
    """The quotas that `wish` gives a pool of counts by name.

    Raises UsageError when the rule lacks its target or leaves nothing.
    """
    if wish.rule is None:
        mapping = _everything(pool, wish.target)
    else:
        weights = weights_of(pool, wish)
        mapping = quotas(pool, weights, wish.min_share, wish.slack, root=wish.root)
        mapping = replace(mapping, missing=_missing(pool, wish.target))
    if wish.max_per is None:
        return mapping
    capped = {name: min(quota, wish.max_per) for name, quota in mapping.quotas.items()}
    return replace(mapping, quotas=largest_first(capped))


def weights_of(pool: Mapping[str, int], wish: Wish) -> dict[str, int]:
    """What the quotas are in proportion to, or to the square root of with SQRT."""
    if wish.target is None:
        named = {name: count for name, count in pool.items() if count > 0}
    else:
        named = {name: count for name, count in wish.target.items() if count > 0}
    match wish.rule:
        case Rule.EQUAL:
            return dict.fromkeys(named, 1)
        case Rule.AREA:
            areas = wish.areas_km2 or {}
            # Whole hectares: the last bits of a float differ between machines.
            known = {name: round(areas.get(name, 0.0) * HECTARES_PER_KM2) for name in named}
            return {name: max(area, 1) for name, area in known.items() if name in areas}
        case Rule.TARGET if wish.target is None:
            raise UsageError("this rule follows a target; give its counts, or choose another rule")
        case _:
            return named


def _everything(pool: Mapping[str, int], target: Mapping[str, int] | None) -> DistributionMapping:
    """All of the pool that the target names; all of it without a target."""
    taken = {n: count for n, count in pool.items() if count and (target is None or target.get(n))}
    left_out = sorted(name for name, count in pool.items() if count and name not in taken)
    return DistributionMapping(largest_first(taken), _missing(pool, target), left_out)


def _missing(pool: Mapping[str, int], target: Mapping[str, int] | None) -> list[str]:
    return sorted(name for name, count in (target or {}).items() if count and not pool.get(name))
