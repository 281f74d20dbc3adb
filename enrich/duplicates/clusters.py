"""Which pictures stay: each that is dropped is a copy of one that stays.

The best picture stays; whatever is a copy of it goes; of what is left the best stays, and so on.
A copy may be one over others: a crop and a copy with a caption can hardly be compared, though the
original is like both. The two ends must then overlap as much as if they had been compared, so that
the frames of a slow film do not become one picture. The answer depends on neither order nor
workers, and a pair is looked at only when the answer needs it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enrich.duplicates.alignment import Alignment

Look = Callable[["Candidate"], Alignment]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an alignment must reach."""

    agreement: float
    overlap: float

    def confirm(self, alignment: Alignment) -> bool:
        """Two pictures that were laid over each other are copies."""
        return alignment.agreement >= self.agreement and alignment.overlap >= self.overlap

    def confirm_chain(self, alignment: Alignment) -> bool:
        """Two pictures are copies over others: at most two of the pairs may be weak ones."""
        return alignment.agreement >= self.agreement**2 and alignment.overlap >= self.overlap


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two pictures whose hashes are near. Pictures are numbered from the best, 0, to the worst."""

    part: int
    whole: int
    window: int
    looked: Alignment | None
    """None: nobody has looked yet."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A picture that goes, and the better one that stays of which it is a copy."""

    picture: int
    copy_of: int
    candidate: int
    """The pair that led there."""
    alignment: Alignment
    """Of the picture in the one that stays."""


@dataclass(frozen=True, slots=True)
class Settled:
    drops: list[Drop]
    looks: dict[int, Alignment]
    """What was found out about candidates that nobody had looked at."""


def settle(candidates: Sequence[Candidate], look: Look, limits: Limits) -> Settled:
    """Decides over all candidates; `drops` come in the order of their pictures."""
    settling = _Settling(candidates, look, limits)
    for picture in sorted(settling.pairs):
        if picture not in settling.gone:
            settling.gather(picture)
    drops = sorted(settling.gone.values(), key=lambda drop: drop.picture)
    return Settled(drops, settling.looks)


class _Settling:
    def __init__(self, candidates: Sequence[Candidate], look: Look, limits: Limits) -> None:
        self._candidates, self._look, self._limits = candidates, look, limits
        self._stay: set[int] = set()
        self.looks: dict[int, Alignment] = {}
        self.gone: dict[int, Drop] = {}
        self.pairs: dict[int, list[tuple[int, int]]] = defaultdict(list)
        """Of each picture, the other ones and the candidates that say so, from the best."""
        for number, one in enumerate(candidates):
            self.pairs[one.part].append((one.whole, number))
            self.pairs[one.whole].append((one.part, number))
        for others in self.pairs.values():
            others.sort()

    def gather(self, best: int) -> None:
        """Drops everything that is a copy of a picture that stays: the nearest ones first."""
        self._stay.add(best)
        waiting: deque[Drop | None] = deque([None])
        while waiting:
            over = waiting.popleft()
            for other, number in self.pairs[over.picture if over else best]:
                if other in self._stay or other in self.gone:
                    continue
                there = self._alignment(other, number)
                if not self._limits.confirm(there):
                    continue
                if over is not None:
                    there = there.followed_by(over.alignment)
                    if not self._limits.confirm_chain(there):
                        continue
                self.gone[other] = Drop(other, best, number, there)
                waiting.append(self.gone[other])

    def _alignment(self, picture: int, number: int) -> Alignment:
        """Of the picture in the other one of a candidate; looks when nobody has."""
        one = self._candidates[number]
        found = one.looked or self.looks.get(number)
        if found is None:
            found = self.looks[number] = self._look(one)
        return found if one.part == picture else found.turned_round()
