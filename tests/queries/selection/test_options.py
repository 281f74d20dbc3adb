"""The options of `select`, to JSON and back."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.choices import Rule, SplitBy, SplitMethod
from queries.selection.options import Options
from queries.selection.splits import parse_shares
from shards.errors import UsageError

SHARE = st.fractions(0, 1, max_denominator=10_000)
OPTIONS = st.builds(
    Options,
    where=st.text(max_size=9),
    allow_unlicensed=st.booleans(),
    decontaminate=st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple),
    like=st.none() | st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 9)),
    rule=st.none() | st.sampled_from(Rule),
    by=st.sampled_from(["country_code", "strftime(captured_at, '%Y')"]),
    min_share=SHARE,
    slack=st.none() | SHARE,
    max_per=st.none() | st.integers(1, 99),
    split_by=st.sampled_from(SplitBy),
    shares=st.sampled_from(["70,20,10", "33.4,33.3,33.3", "100,0,0"]).map(parse_shares),
    limit=st.none() | st.integers(1, 10**12),
    seed=st.integers(-(2**70), 2**70),
)
SPATIAL = st.builds(
    Options,
    split=st.just(SplitMethod.SPATIAL),
    block_km=st.floats(0.1, 10_000),
    buffer_km=st.floats(0, 100),
)


@given(OPTIONS | SPATIAL)
def test_there_and_back(options: Options) -> None:
    stored = json.loads(json.dumps(options.to_json()))
    assert Options.from_json(stored, "it") == options


def test_before_rights_were_asked_for() -> None:
    stored: dict[str, Any] = Options(min_share=Fraction(1, 7)).to_json()
    del stored["allow_unlicensed"]
    assert Options.from_json(stored, "it").allow_unlicensed


@pytest.mark.parametrize(
    "changes",
    [
        {"magic": 1},
        {"seed": "x"},
        {"slack": "1/0"},
        {"split": "nearby"},
        {"split_percent": {"train": 100}},
        {"split_percent": 5},
        {"decontaminate": 5},
        {"decontaminate": "folder"},
    ],
)
def test_what_it_never_gave(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="here: "):
        Options.from_json(Options().to_json() | changes, "here")
