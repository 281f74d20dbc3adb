"""Misspelt names of countries: the one that is near, if no other is nearly as near.

Nearness is optimal string alignment: letters left out, added, wrong, or swapped with a neighbour.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from enrich.geo.country_names import all_names, main_names

LETTERS_PER_TYPO = 5
"""A misspelling may have one typo for every five letters, and MOST_TYPOS at most: none in `Irak`,
one in `Germny`, two in `Switserlnd`."""
MOST_TYPOS = 2

MARGIN = 2
"""How many typos further away the names of other countries must be that are English, old, or in a
main language; names in other languages, whose misspellings are not looked for, at least one. So
a name with one typo, in any language, is never taken for another country, unless it is exactly
one of that one's names (`Iraq` for `Iran`)."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A known name near to a text."""

    name: str
    code: str
    typos: int


def nearest_name(name: str) -> Spelling | None:
    """The known name that a normalised text was meant to be; None when none is near or two are."""
    allowed = min(len(name) // LETTERS_PER_TYPO, MOST_TYPOS)
    if not allowed:
        return None
    known = _known()
    typos = known.typos(name, allowed + MARGIN)
    best = int(np.argmin(typos[: known.main]))
    code, fewest = str(known.codes[best]), int(typos[best])
    rivals = (known.codes != code) & (typos < fewest + known.margins)
    if not code or fewest > allowed or rivals.any():
        return None
    return Spelling(known.names[best], code, fewest)


def may_be_misspelt(name: str, code: str) -> bool:
    """Whether a name of this country is one typo away from a main name of another country."""
    known = _known()
    near = known.typos(name, 1)[: known.main] <= 1
    return bool((near & (known.codes[: known.main] != code)).any())


@dataclass(frozen=True, slots=True)
class _Known:
    """All names, those that may be misspelt first."""

    names: list[str]
    codes: npt.NDArray[np.str_]
    """Of each name; empty for a shared one."""
    margins: npt.NDArray[np.int64]
    main: int
    """How many may be misspelt."""

    def typos(self, name: str, most: int) -> npt.NDArray[np.int64]:
        """How many typos `name` is from each name; `most` + 1 for whatever is more."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import cdist

        return np.asarray(cdist([name], self.names, scorer=OSA.distance, score_cutoff=most)[0])


@cache
def _known() -> _Known:
    main, names = main_names(), all_names()
    order = [*sorted(main), *sorted(names.keys() - main.keys())]
    return _Known(
        names=order,
        codes=np.array([names[name] or "" for name in order]),
        margins=np.where(np.arange(len(order)) < len(main), MARGIN, 1),
        main=len(main),
    )
