"""The choice that thresholds are: for each least share, how many countries and samples are kept.

Between two shares at which a country leaves the core nothing changes, so there are no more choices
than countries, and all of them are listed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby

from queries.distribution.mapping import scaled
from queries.distribution.rules import Wish, map_pool, weights_of
from shards.errors import UsageError

SLACKS = (None, Fraction(3, 4), Fraction(1, 2))
"""What is looked at unless others are asked for; None is no slack."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one pair of thresholds keeps."""

    min_share: Fraction
    """The shortest decimal number among the thresholds that keep just this."""
    slack: Fraction | None
    countries: int
    samples: int
    scarcest: str
    """The core country that sets the scale."""
    best: bool = False
    """No other choice keeps as many countries and more samples, or more countries and as many."""


def frontier(
    pool: Mapping[str, int], wish: Wish, slacks: Sequence[Fraction | None] = SLACKS
) -> list[Choice]:
    """Every choice of a threshold for the wish's rule and target, by slack, then by threshold.

    `wish.min_share` and `wish.slack` are left aside. Raises UsageError when pool and target have
    nothing in common, or for a wish without a rule.
    """
    if wish.rule is None:
        raise UsageError("a frontier needs a target or a rule")
    weights = weights_of(pool, wish)
    total = sum(pool.values())
    countries = [_Country(n, pool[n], w) for n, w in weights.items() if pool.get(n, 0) and w]
    if not countries:
        map_pool(pool, wish)  # says why
    # As the threshold falls, countries join the core in this order.
    countries.sort(key=lambda country: (-country.count, country.name))
    found = [
        choice
        for slack in slacks
        for choice in reversed(_Walk(countries, wish, slack, total).choices())
    ]
    return _mark_best(found)


@dataclass(frozen=True, slots=True)
class _Country:
    name: str
    count: int
    weight: int

    def scale(self, root: int) -> Fraction:
        return Fraction(self.count**root, self.weight)


class _Walk:
    """All thresholds for one slack, from the highest to the lowest."""

    def __init__(
        self, countries: Sequence[_Country], wish: Wish, slack: Fraction | None, total: int
    ) -> None:
        self._countries = countries
        self._wish = wish
        self._slack = slack
        self._total = total
        self._most = total if wish.max_per is None else wish.max_per
        # What each gets if it joins, from the scarcest on.
        self._joining = [
            min(math.ceil((slack or 0) * one.count), self._most) for one in reversed(countries)
        ]

    def choices(self) -> list[Choice]:
        """One for each distinct count, which is where a threshold cuts."""
        root = self._wish.root
        scarcest = list(accumulate(self._countries, self._scarcer))
        made = []
        for setter, run in groupby(range(len(scarcest)), key=lambda i: scarcest[i]):
            # The scale is one for the whole run, so sums over core and the rest are too.
            core, joined = self._sums(setter.scale(root))
            for last in run:
                if self._cuts_after(last):
                    countries = last + 1 + joined[last + 1][0]
                    samples = core[last] + joined[last + 1][1]
                    share = self._shortest_share(last)
                    made.append(Choice(share, self._slack, countries, samples, setter.name))
        return made

    def _scarcer(self, one: _Country, other: _Country) -> _Country:
        root = self._wish.root
        return other if other.scale(root) < one.scale(root) else one

    def _sums(self, scale: Fraction) -> tuple[list[int], list[tuple[int, int]]]:
        """Samples of the core up to each country; countries and samples that join from each on."""
        root, most = self._wish.root, self._most
        quotas = (scaled(one.weight, scale, root) for one in self._countries)
        core = list(accumulate(min(quota, most) for quota in quotas))
        joins = [(0, 0)]
        if self._slack is None:
            return core, joins * (len(core) + 1)
        least = self._slack**root * scale
        top, bottom = least.numerator, least.denominator
        for one, quota in zip(reversed(self._countries), self._joining, strict=True):
            countries, samples = joins[-1]
            if quota and one.count**root * bottom >= top * one.weight:
                countries, samples = countries + 1, samples + quota
            joins.append((countries, samples))
        return core, joins[::-1]

    def _cuts_after(self, last: int) -> bool:
        """Whether a threshold can part this country from the next: their counts differ."""
        following = last + 1
        if following == len(self._countries):
            return True
        return self._countries[following].count < self._countries[last].count

    def _shortest_share(self, last: int) -> Fraction:
        """The shortest decimal above the next country's share and up to this one's."""
        at_most = Fraction(self._countries[last].count, self._total)
        if last + 1 == len(self._countries):
            return Fraction(0)
        above = Fraction(self._countries[last + 1].count, self._total)
        power = 1
        while (share := Fraction(math.floor(at_most * power), power)) <= above:
            power *= 10
        return share


def _mark_best(choices: Sequence[Choice]) -> list[Choice]:
    """Those that keep more samples than all with as many countries or more."""
    ranked = sorted(choices, key=lambda one: (-one.countries, -one.samples))
    best: set[Choice] = set()
    most = -1
    for one in ranked:
        if one.samples > most:
            most = one.samples
            best.add(one)
    return [replace(one, best=one in best) for one in choices]
