"""How samples are distributed over countries, as bars on a linear and a logarithmic axis.

Beside the samples stands the target, where there is one: as many samples as each country would have
if all of them followed the target's distribution.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_BARS = 300


@dataclass(frozen=True, slots=True)
class Bar:
    """One country; lengths are parts of the axis, 0 to 1."""

    code: str
    name: str
    samples: int
    share: float
    linear: float
    log: float
    target: float | None
    """Share of the target; None without one for this country."""
    target_linear: float
    target_log: float


@dataclass(frozen=True, slots=True)
class CountryBars:
    bars: list[Bar]
    """The largest first."""
    linear_ticks: list[tuple[float, int]]
    """Place on the axis, 0 to 1, and the samples that it stands for."""
    log_ticks: list[tuple[float, int]]
    most_of: int
    """How many countries hold half of the samples."""
    missing: list[str]
    """Countries of the target without samples."""
    has_target: bool


def country_bars(
    countries: Sequence[Mapping[str, Any]],
    target: Mapping[str, int],
    names: Mapping[str, str],
) -> CountryBars:
    """`countries`: code, name and samples of each, the largest first; `target`: counts by code.

    `names`: code to name, for countries of the target without samples.
    """
    total = sum(country["samples"] for country in countries)
    wanted = sum(target.values())
    codes = {country["code"] for country in countries}
    missing = sorted(code for code, count in target.items() if count and code not in codes)
    scaled = {code: total * count / wanted for code, count in target.items()} if wanted else {}
    top = max([*(country["samples"] for country in countries), *scaled.values(), 1])

    def log(value: float) -> float:
        return math.log1p(value) / math.log1p(top)

    bars = [
        Bar(
            code=country["code"],
            name=country["name"],
            samples=country["samples"],
            share=country["samples"] / (total or 1),
            linear=country["samples"] / top,
            log=log(country["samples"]),
            target=target[country["code"]] / wanted if country["code"] in scaled else None,
            target_linear=scaled.get(country["code"], 0) / top,
            target_log=log(scaled.get(country["code"], 0)),
        )
        for country in countries[:MAX_BARS]
    ]
    powers = [10**power for power in range(math.floor(math.log10(top)) + 1)]
    return CountryBars(
        bars=bars,
        linear_ticks=[(value / top, value) for value in _round_steps(top)],
        log_ticks=[(log(value), value) for value in powers],
        most_of=_half([country["samples"] for country in countries]),
        missing=[names.get(code, code) for code in missing],
        has_target=bool(scaled),
    )


def _round_steps(top: float) -> list[int]:
    """One, two or five times a power of ten, and its multiples: two to five steps up to `top`."""
    if top < 2:
        return [1]
    power = 10 ** math.floor(math.log10(top / 2))
    step = max(1, next(int(power * n) for n in (5, 2, 1) if top / (power * n) >= 2))
    return list(range(step, math.floor(top) + 1, step))


def _half(counts: Sequence[int]) -> int:
    """How many of the largest counts, which come first, make half of all."""
    seen = 0
    for number, count in enumerate(counts, 1):
        seen += count
        if 2 * seen >= sum(counts):
            return number
    return 0
