"""Which pictures stay: each that is dropped is a confirmed copy of one that stays.

From the best to the worst: a picture goes when a better one that stays is its copy, and of several
the best is what it is a copy of. So copies of copies do not join into chains (the frames of a slow
film are not one picture), and the answer depends on neither order nor workers. A pair is looked at
only when the answer needs it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enrich.similar.alignment import Alignment


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
    """A picture that goes, the better one of which it is a copy, and the pair that says so."""

    picture: int
    copy_of: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Settled:
    drops: list[Drop]
    looks: dict[int, Alignment]
    """What was found out about candidates that nobody had looked at."""


def settle(
    candidates: Sequence[Candidate],
    look: Callable[[Candidate], Alignment],
    confirmed: Callable[[Alignment], bool],
) -> Settled:
    """Decides over all candidates; `drops` come in the order of their pictures."""
    better: dict[int, list[tuple[int, int]]] = {}
    for number, one in enumerate(candidates):
        high, low = sorted((one.part, one.whole))
        better.setdefault(low, []).append((high, number))
    settled = Settled([], {})
    gone: set[int] = set()
    for picture in sorted(better):
        for other, number in sorted(better[picture]):
            if other in gone:
                continue
            found = candidates[number].looked
            if found is None:
                found = settled.looks[number] = look(candidates[number])
            if confirmed(found):
                settled.drops.append(Drop(picture, other, number))
                gone.add(picture)
                break
    return settled
