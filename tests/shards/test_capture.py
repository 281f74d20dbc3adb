"""A capture survives its JSON member, and nothing else is taken for one."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.capture import Capture, extra_text

texts = st.text(max_size=30)
captures = st.builds(Capture, **{field.name: texts for field in fields(Capture)})


@given(captures)
def test_round_trip(capture: Capture) -> None:
    assert Capture.from_json(capture.to_json()) == capture


@given(st.binary(max_size=60))
def test_other_bytes_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the type
        Capture.from_json(data)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"key":"a","source":"b"}',
        '{"key":1,"source":"b","source_id":"c"}',
        '{"key":null,"source":"b","source_id":"c"}',
    ],
)
def test_records_that_are_not_captures(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Capture.from_json(text.encode())


def test_fields_of_later_versions_are_ignored() -> None:
    record = b'{"key":"a","source":"b","source_id":"c","heading":12}'
    assert Capture.from_json(record) == Capture(key="a", source="b", source_id="c")


def test_extra_is_canonical() -> None:
    assert extra_text({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
