"""What was given out against what came: the same as with sets, in one pass."""

from hypothesis import given
from hypothesis import strategies as st

from crawler.sources.captured import compare

KEYS = st.text("ab\u00e9\U0001f600", min_size=1, max_size=3)


@given(
    st.dictionaries(KEYS, st.sampled_from(("t1", "t2"))),
    st.lists(st.tuples(KEYS, st.booleans())),
)
def test_as_sets_tell(given_out: dict[str, str], settled: list[tuple[str, bool]]) -> None:
    found = compare(sorted(given_out.items()), sorted(settled))
    came = {key for key, came in settled if came}
    open_ones = given_out.keys() - {key for key, _ in settled}
    assert {key: task for task, keys in found.open.items() for key in keys} == {
        key: given_out[key] for key in open_ones
    }
    assert found.unknown == bool(came - given_out.keys())


def test_nothing_at_all() -> None:
    found = compare([], [])
    assert (found.open, found.unknown) == ({}, False)
