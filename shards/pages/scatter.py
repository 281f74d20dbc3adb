"""Points on two axes as inline SVG. Colours come from the page's style sheet, by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import escape

_LEFT, _RIGHT, _TOP, _FLOOR = 44.0, 20.0, 16.0, 36.0


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    kind: str
    """A class of the style sheet."""
    title: str
    """What it says when it is pointed at."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A ring around a place, with a letter beside it that the page explains."""

    x: float
    y: float
    kind: str
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    points: Sequence[Point]
    steps: Sequence[tuple[float, float]]
    """A staircase: what can be had at most, with x falling."""
    marks: Sequence[Mark]
    x_title: str
    y_title: str
    width: float = 720.0
    height: float = 420.0
    most_x: float = field(init=False)
    most_y: float = field(init=False)

    def __post_init__(self) -> None:
        xs = [point.x for point in self.points] + [mark.x for mark in self.marks]
        ys = [point.y for point in self.points] + [mark.y for mark in self.marks]
        object.__setattr__(self, "most_x", max(xs, default=1) or 1)
        object.__setattr__(self, "most_y", 1.08 * max(ys, default=1) or 1)

    def svg(self) -> str:
        """One `svg` element."""
        title = escape(f"{self.y_title} against {self.x_title}")
        box = f"0 0 {self.width:.0f} {self.height:.0f}"
        parts = [
            f'<svg class="scatter" viewBox="{box}" role="img" aria-label="{title}">',
            *self._axes(),
            self._staircase(),
            *(self._circle(point) for point in self.points),
            *(self._ring(mark) for mark in self.marks),
        ]
        return "".join(parts) + "</svg>"

    def _x(self, value: float) -> float:
        return _LEFT + (self.width - _LEFT - _RIGHT) * value / self.most_x

    def _y(self, value: float) -> float:
        floor = self.height - _FLOOR
        return floor - (floor - _TOP) * value / self.most_y

    def _axes(self) -> list[str]:
        floor, right = self.height - _FLOOR, self.width - _RIGHT
        parts = []
        for value in ticks(self.most_y, 5):
            y = self._y(value)
            parts.append(f'<path class="axis" d="M{_LEFT} {y:.1f}H{right}"/>')
            parts.append(
                f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4:.1f}">{short(value)}</text>'
            )
        parts += [
            f'<text class="tick" x="{self._x(value):.1f}" y="{floor + 16:.1f}">'
            f"{short(value)}</text>"
            for value in ticks(self.most_x, int(self.width / 80))
        ]
        parts.append(
            f'<text class="tick end" x="{right}" y="{self.height - 4:.1f}">'
            f"{escape(self.x_title)}</text>"
            f'<text class="tick start" x="{_LEFT}" y="11">{escape(self.y_title)}</text>'
        )
        return parts

    def _staircase(self) -> str:
        if not self.steps:
            return ""
        (x, y), *rest = self.steps
        # From the least to the most of y: each step holds for all smaller x.
        path = f"M{self._x(x):.1f} {self.height - _FLOOR:.1f}V{self._y(y):.1f}"
        for x, y in rest:
            path += f"H{self._x(x):.1f}V{self._y(y):.1f}"
        return f'<path class="front" d="{path}H{_LEFT}"/>'

    def _circle(self, point: Point) -> str:
        return (
            f'<circle class="{escape(point.kind)}" cx="{self._x(point.x):.1f}"'
            f' cy="{self._y(point.y):.1f}" r="3"><title>{escape(point.title)}</title></circle>'
        )

    def _ring(self, mark: Mark) -> str:
        x, y = self._x(mark.x), self._y(mark.y)
        # Up and to the right, where an upper right edge of the points leaves room.
        return (
            f'<circle class="{escape(mark.kind)}" cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
            f'<text class="mark" x="{x + 8:.1f}" y="{y - 8:.1f}">{escape(mark.letter)}</text>'
        )


def ticks(most: float, count: int) -> list[float]:
    """From 0 in steps of 1, 2 or 5 times a power of ten, about `count` of them."""
    rough = most / max(count, 1) or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
    return [step * n for n in range(int(most / step) + 1)]


def short(value: float) -> str:
    """1000 as 1k and 1000000 as 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
