"""Which pictures stay, by truth that is worked out by hand and by properties."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.duplicates.alignment import Alignment
from enrich.duplicates.clusters import Candidate, Drop, Limits, Settled, settle
from enrich.duplicates.windows import WIDTH

LIMITS = Limits(agreement=0.7, overlap=0.75)
SAME = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
NEVER = Alignment(0.1, 1, SAME)


def shifted(share: float) -> tuple[float, ...]:
    """To the right by a share of the width."""
    return (1.0, 0.0, share * WIDTH, 0.0, 1.0, 0.0)


def pair(one: int, other: int, agreement: float, share: float = 0.0) -> Candidate:
    """`one` lies in `other`, shifted by a share of the width."""
    return Candidate(one, other, 0, Alignment(agreement, 1 - abs(share), shifted(share)))


def never(_: Candidate) -> Alignment:
    raise AssertionError("nobody has to look")


def gone(candidates: list[Candidate]) -> dict[int, int]:
    return {drop.picture: drop.copy_of for drop in settle(candidates, never, LIMITS).drops}


def test_the_best_of_a_cluster_stays() -> None:
    assert gone([pair(2, 0, 0.9), pair(1, 2, 0.9), pair(0, 1, 0.9)]) == {1: 0, 2: 0}


def test_pairs_that_do_not_agree_or_overlap_are_nothing() -> None:
    assert gone([pair(0, 1, 0.69), pair(2, 3, 0.9, 0.3)]) == {}


def test_a_worse_picture_leads_from_one_copy_to_another() -> None:
    # Both are like the original, 2, and too different from each other.
    assert gone([pair(0, 2, 0.8), pair(1, 2, 0.8), pair(0, 1, 0.3)]) == {1: 0, 2: 0}


def test_a_chain_is_as_weak_as_all_its_links() -> None:
    # 0.8 * 0.8 = 0.64 is above 0.49, and 0.8 ** 4 = 0.41 is not.
    chain = [pair(n, n + 1, 0.8) for n in range(5)]
    assert gone(chain) == {1: 0, 2: 0, 3: 0, 5: 4}


def test_the_frames_of_a_slow_film_are_several_pictures() -> None:
    # Each frame shows 90 % of the next one: what shows less than 75 % of the first begins anew.
    film = [pair(n, n + 1, 1.0, 0.1) for n in range(8)]
    assert gone(film) == {1: 0, 2: 0, 4: 3, 5: 3, 7: 6, 8: 6}


def test_a_pair_is_looked_at_when_it_matters_and_once() -> None:
    seen = []

    def look(one: Candidate) -> Alignment:
        seen.append((one.part, one.whole))
        return Alignment(0.9, 1, SAME)

    # All six pairs of four copies: three looks tell that they are copies of the best.
    pairs = [Candidate(a, b, 0, None) for a in range(4) for b in range(a)]
    found = settle(pairs, look, LIMITS)
    assert sorted(seen) == [(1, 0), (2, 0), (3, 0)]
    assert {drop.picture: drop.copy_of for drop in found.drops} == {1: 0, 2: 0, 3: 0}
    assert found.looks == {number: Alignment(0.9, 1, SAME) for number in (0, 1, 3)}


@st.composite
def graphs(draw: st.DrawFn) -> list[Candidate]:
    size = draw(st.integers(2, 12))
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    chosen = draw(st.sets(ends.filter(lambda pair: pair[0] < pair[1]), max_size=30))
    return [
        pair(
            *draw(st.permutations(both)),
            draw(st.sampled_from([0.5, 0.7, 0.75, 0.8, 0.9, 1.0])),
            draw(st.sampled_from([0.0, 0.0, 0.1, -0.1, 0.2, 0.4])),
        )
        for both in sorted(chosen)
    ]


def answer(settled: Settled, candidates: list[Candidate]) -> set[tuple[Drop, Candidate]]:
    return {
        (Drop(d.picture, d.copy_of, 0, d.alignment), candidates[d.candidate]) for d in settled.drops
    }


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_does_not_matter_and_nothing_is_lost(
    candidates: list[Candidate], shuffler: random.Random
) -> None:
    settled = settle(candidates, never, LIMITS)
    others = list(candidates)
    shuffler.shuffle(others)
    assert answer(settled, candidates) == answer(settle(others, never, LIMITS), others)
    dropped = [drop.picture for drop in settled.drops]
    assert len(dropped) == len(set(dropped))
    for drop in settled.drops:
        # What goes belongs to a better one that stays, and they overlap.
        assert drop.copy_of < drop.picture
        assert drop.copy_of not in dropped
        assert drop.alignment.overlap >= LIMITS.overlap
    # Of two that stay, no pair says that they are copies.
    for one in candidates:
        if one.part not in dropped and one.whole not in dropped:
            assert one.looked is not None
            assert not LIMITS.confirm(one.looked)
