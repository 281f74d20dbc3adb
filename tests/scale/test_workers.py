"""Efficiency against the cores there are, and the object that is printed."""

from scale.workers import efficiency, summary


def test_efficiency_is_capped_by_cores() -> None:
    assert efficiency({1: 100.0, 2: 180.0, 4: 200.0}, cpus=2) == {1: 1.0, 2: 0.9, 4: 1.0}
    assert efficiency({1: 100.0, 2: 180.0, 4: 200.0}, cpus=8) == {1: 1.0, 2: 0.9, 4: 0.5}


def test_the_stage_that_gains_least_is_named() -> None:
    stages = {"crawl": {1: 10.0, 2: 15.0, 4: 16.0}, "build": {1: 100.0, 2: 190.0, 4: 200.0}}
    found = summary(stages, cpus=2)
    assert (found["ours"], found["baseline"], found["ratio"]) == (15.0, 10.0, 1.5)
    assert found["unit"] == "images/s, crawl with 2 workers against 1"
    assert found["stages"]["build"]["efficiency"] == {"1": 1.0, "2": 0.95, "4": 1.0}
