"""Times become UTC; what is no moment becomes nothing."""

from datetime import UTC, datetime

import pytest

from enrich.captured_at import parse_time


def test_offsets_are_applied() -> None:
    moment = datetime(2019, 12, 31, 22, 0, tzinfo=UTC)
    for text in (
        "2020-01-01T00:00:00+02:00",
        "2019-12-31T22:00:00Z",
        " 2019-12-31 22:00:00+00:00 ",
    ):
        assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2020-13-01T00:00:00Z", "2020-01-01T00:00:00", "0001-01-01T00:00:00+14:00"],
)
def test_what_is_no_moment(text: str) -> None:
    assert parse_time(text) is None
