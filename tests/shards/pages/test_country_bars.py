"""Bars of countries: lengths and targets against numbers worked out by hand."""

import math

import pytest

from shards.pages.country_bars import MAX_BARS, country_bars

COUNTRIES = [
    {"code": "SE", "name": "Sweden", "samples": 60},
    {"code": "DE", "name": "Germany", "samples": 30},
    {"code": "PE", "name": "Peru", "samples": 10},
]


def test_without_a_target() -> None:
    bars = country_bars(COUNTRIES, {}, {})
    assert [bar.linear for bar in bars.bars] == [1, 0.5, pytest.approx(1 / 6)]
    assert [bar.share for bar in bars.bars] == [0.6, 0.3, 0.1]
    assert bars.bars[2].log == pytest.approx(math.log(11) / math.log(61))
    assert bars.most_of == 1
    assert bars.linear_ticks == [(pytest.approx(at / 60), at) for at in (20, 40, 60)]
    assert [value for _, value in bars.log_ticks] == [1, 10]
    assert not bars.has_target
    assert {bar.target for bar in bars.bars} == {None}


def test_the_target_is_scaled_to_all_samples() -> None:
    bars = country_bars(COUNTRIES, {"DE": 3, "PE": 1, "BM": 1, "XX": 0}, {"BM": "Bermuda"})
    by_code = {bar.code: bar for bar in bars.bars}
    assert by_code["SE"].target is None
    assert by_code["DE"].target == pytest.approx(0.6)
    assert by_code["DE"].target_linear == pytest.approx(1)  # 60 of 100 samples
    assert by_code["PE"].target_linear == pytest.approx(20 / 60)
    assert bars.missing == ["Bermuda"]
    assert bars.has_target


def test_nothing_and_too_much() -> None:
    none = country_bars([], {}, {})
    assert (none.bars, none.most_of, none.linear_ticks) == ([], 0, [(1, 1)])
    many = [{"code": f"{n}", "name": f"{n}", "samples": 1} for n in range(1000)]
    assert len(country_bars(many, {}, {}).bars) == MAX_BARS


@pytest.mark.parametrize("top", [1, 2, 7, 99, 100, 101, 12_345, 10**9])
def test_ticks_are_few_and_round(top: int) -> None:
    bars = country_bars([{"code": "SE", "name": "Sweden", "samples": top}], {}, {})
    values = [value for _, value in bars.linear_ticks]
    assert 1 <= len(values) <= 5
    assert values[-1] <= top
    assert all(0 < at <= 1 for at, _ in bars.linear_ticks + bars.log_ticks)
