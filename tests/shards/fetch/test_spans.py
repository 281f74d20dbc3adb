"""Spans: every wanted byte is in one, and joining pays."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shards.fetch.spans import Range, spans

RANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(1, 3_000)).map(lambda r: Range(r[0], sum(r))),
    max_size=30,
)


@given(RANGES, st.integers(0, 500), st.integers(1, 5_000))
def test_each_range_is_cut_out_of_one_span(wanted: list[Range], gap: int, longest: int) -> None:
    data = bytes(number % 251 for number in range(14_000))
    found = list(spans(wanted, gap, longest))
    held = [(span, one) for span in found for one in span.holds]
    assert sorted((one.start, one.end) for _, one in held) == sorted(
        (one.start, one.end) for one in wanted
    )
    for span, one in held:
        assert span.cut(data[span.start : span.end], one) == data[one.start : one.end]
    for span in found:
        assert span.end - span.start <= longest or len(span.holds) == 1
        ends = [one.end for one in span.holds]
        gaps = [b.start - max(ends[: n + 1]) for n, (_, b) in enumerate(pairwise(span.holds))]
        assert all(size <= gap for size in gaps)


def test_by_hand() -> None:
    wanted = [Range(0, 10), Range(12, 20), Range(30, 40)]
    assert [(span.start, span.end) for span in spans(wanted, 2)] == [(0, 20), (30, 40)]
    assert [(span.start, span.end) for span in spans(wanted, 10)] == [(0, 40)]
    assert [(span.start, span.end) for span in spans(wanted, 10, 25)] == [(0, 20), (30, 40)]
    assert list(spans([])) == []
