"""The heading of a photograph, from whatever the source wrote beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.images.heading import parse_heading

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("extra", "heading"),
    [
        ('{"heading":0}', 0.0),
        ('{"author":"x","heading":271.5}', 271.5),
        ('{"heading":360}', 0.0),
        ('{"heading":-90}', 270.0),
        ('{"heading":-1e-20}', 0.0),
        ("{}", None),
        ('{"heading":null}', None),
        ('{"heading":true}', None),
        ('{"heading":"271.25"}', 271.25),
        ('{"heading":"north"}', None),
        ('{"heading":"1_0"}', None),
        ('{"heading":"nan"}', None),
        ('{"heading":NaN}', None),
        ('{"heading":1e999}', None),
        ('{"heading":1' + "0" * 400 + "}", None),
        ('["heading"]', None),
        ('{"heading":', None),
        ("[" * 100_000 + '"heading"', None),
    ],
)
def test_heading(extra: str, heading: float | None) -> None:
    assert parse_heading(extra) == heading


@given(st.text() | json_values.map(lambda value: json.dumps({"heading": value})))
def test_anything_is_a_heading_or_none(extra: str) -> None:
    heading = parse_heading(extra)
    assert heading is None or 0 <= heading < 360
