"""The plot of points: inside its box, escaped, with round ticks."""

import re
from xml.etree import ElementTree

import pytest

from shards.pages.scatter import Mark, Point, Scatter, short, ticks


def test_ticks_are_round() -> None:
    assert ticks(89, 9) == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    assert ticks(130_000, 5) == [0, 50_000, 100_000]
    assert ticks(3, 5) == [0, 1, 2, 3]
    assert [short(value) for value in (0, 50_000, 2_500_000, 3e9)] == ["0", "50k", "2.5M", "3G"]


@pytest.mark.parametrize("points", [0, 1, 30])
def test_everything_lies_inside(points: int) -> None:
    plot = Scatter(
        points=[Point(n, n * n, "a", f"<{n}>") for n in range(points)],
        steps=[(n, 100 - n) for n in range(points, 0, -1)],
        marks=[Mark(40, 1000, "ring", "<A>")],
        x_title="countries & more",
        y_title="samples",
        width=360,
        height=300,
    )
    svg = ElementTree.fromstring(plot.svg())
    circles = svg.findall("circle")
    assert len(circles) == points + 1
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= 360
        assert 0 <= float(circle.attrib["cy"]) <= 300
    numbers = [float(n) for n in re.findall(r"[\d.]+", str(svg.find("path").attrib["d"]))]  # type: ignore[union-attr]
    assert max(numbers) <= 360
