"""The costs that `cluster/README.md` works out are what its own formula gives."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "cluster" / "README.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| (crawl|enrich|build, MB|train|head) \| [\d|]", line)
]
ON_SPOT = {"crawl", "enrich", "build, MB", "train"}
SPOT = 0.4


def test_every_step_is_there() -> None:
    assert [row[0] for row in ROWS] == ["crawl", "enrich", "build, MB", "train", "head"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_hours_and_dollars_follow_from_the_speed(row: list[str]) -> None:
    step, amount, speed, cores, hours, price, dollars = row
    exact = float(hours)
    if step != "head":
        exact = float(amount) / (float(speed) * float(cores) * 3600)
        assert float(hours) == pytest.approx(exact, abs=0.06)
    assert float(dollars) == pytest.approx(exact * float(price), abs=0.006)


def test_the_totals() -> None:
    cost = {row[0]: float(row[-1]) for row in ROWS}
    [on_demand] = re.findall(r"\*\*([\d.]+) dollars on demand", TEXT)
    [on_spot] = re.findall(r"are: ([\d.]+)\.", TEXT)
    assert float(on_demand) == pytest.approx(sum(cost.values()), abs=0.006)
    saved = sum(cost[step] for step in ON_SPOT) * (1 - SPOT)
    assert float(on_spot) == pytest.approx(sum(cost.values()) - saved, abs=0.006)
