"""Histograms of scores as inline SVG. Colours come from the page's style sheet, by class."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FIRST_LINE, _SECOND_LINE = 11, 25
_LETTER = 8.0
"""Width of a figure in the labels, about."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a histogram, from `low` to `high`."""

    low: float
    high: float
    kept: int
    rejected: int


def histogram(
    bins: Sequence[Bin],
    *,
    thresholds: Sequence[float],
    log: bool,
    names: tuple[str, str] = ("kept", "rejected"),
) -> str:
    """Kept and rejected captures by score, stacked, with the thresholds that decide.

    `names`: what the two are called where a bar is pointed at.
    """
    width, height, floor = 420.0, 170.0, 142.0
    if not bins:
        return ""
    scale = (lambda value: math.log10(max(value, 1e-9))) if log else float
    low, high = scale(bins[0].low), scale(bins[-1].high)
    most = max(b.kept + b.rejected for b in bins) or 1

    def x(value: float) -> float:
        return 8 + (width - 16) * (scale(value) - low) / ((high - low) or 1)

    parts = [f'<svg class="histogram" viewBox="0 0 {width:.0f} {height:.0f}" role="img">']
    for b in bins:
        left, wide = x(b.low), max(1.0, x(b.high) - x(b.low) - 1)
        base = floor
        for kind, name, count in (
            ("kept", names[0], b.kept),
            ("rejected", names[1], b.rejected),
        ):
            if not count:
                continue
            tall = max(1.0, (floor - 14) * count / most)
            base -= tall
            parts.append(
                f'<rect class="{kind}" x="{left:.1f}" y="{base:.1f}" width="{wide:.1f}"'
                f' height="{tall:.1f}"><title>{b.low:,.4g} to {b.high:,.4g}: {count:,} {name}'
                "</title></rect>"
            )
    parts.append(f'<path class="axis" d="M8 {floor}H{width - 8}"/>')
    parts.extend(
        f'<text class="tick" x="{x(value):.1f}" y="{floor + 17}">{_short(value)}</text>'
        for value in _ticks(bins[0].low, bins[-1].high, log=log)
    )
    # The outermost edges went through a logarithm and back.
    seen = (t for t in thresholds if low - 1e-9 <= scale(t) <= high + 1e-9)
    parts.extend(_marks([(threshold, x(threshold)) for threshold in seen], width, floor))
    return "".join(parts) + "</svg>"


def _marks(thresholds: Sequence[tuple[float, float]], width: float, floor: float) -> Iterator[str]:
    """A line at each threshold, with its value on the side that has room.

    A value that would run into the one before it stands lower.
    """
    taken, y = -math.inf, _FIRST_LINE
    for threshold, at in thresholds:
        text = f"{threshold:,.4g}"
        side, shift, left = ("end", -4, 1) if at > width / 2 else ("start", 4, 0)
        start = at + shift - left * _LETTER * len(text)
        y = _SECOND_LINE if start < taken + _LETTER / 2 and y == _FIRST_LINE else _FIRST_LINE
        taken = start + _LETTER * len(text)
        yield (
            f'<path class="threshold" d="M{at:.1f} 2V{floor}"/>'
            f'<text class="threshold" x="{at + shift:.1f}" y="{y}" text-anchor="{side}">'
            f"{text}</text>"
        )


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    if log:
        first, last = math.ceil(math.log10(max(low, 1e-9))), math.floor(math.log10(high))
        if last - first >= 1:
            return [10.0**power for power in range(first, last + 1)]
        steps = [n * 10.0**power for power in range(first - 1, last + 1) for n in (1, 2, 5)]
        return [value for value in steps if low <= value <= high]
    step = 10 ** math.floor(math.log10((high - low) or 1))
    step = step if (high - low) / step >= 3 else step / 4
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _short(value: float) -> str:
    """1000 as 1k and 1000000 as 1M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
