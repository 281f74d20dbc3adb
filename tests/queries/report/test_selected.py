"""What a report reads from `selection.json` files: of today, of yesterday, and of nobody."""

import json
from pathlib import Path
from typing import Any

import pytest

from queries.report.selected import Decontaminated, Options, Quotas, Selected, read_selections


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "selection.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


def test_older_and_newer_selections(tmp_path: Path) -> None:
    leaks = {
        "distance_km": {"train-test": 0.5, "train-validation": None},
        "groups_across_splits": 1,
        "clusters_across_splits": 0,
        "label_shares": {"chi2": 1.5, "degrees_of_freedom": 2, "p": 0.4},
        "countries": {"SE": {"train": 1}},
    }
    write(tmp_path, "new", {"seed": 7, "leak_check": leaks, "unlicensed": 3, "more": []})
    write(tmp_path, "old", {"options": {"split": "random", "limit": None, "like": None}})
    found, problems = read_selections(tmp_path)
    assert problems == []
    assert found["new"].leak_check is not None
    assert found["new"].leak_check.distance_km == {"train-test": 0.5, "train-validation": None}
    assert found["new"].seed == 7
    assert found["old"].leak_check is None


@pytest.mark.parametrize("content", ["", "[]", '{"leak_check": {"groups_across_splits": "x"}}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    write(tmp_path, "bad", content)
    write(tmp_path, "good", {})
    found, problems = read_selections(tmp_path)
    assert list(found) == ["good"]
    assert len(problems) == 1
    assert problems[0].startswith("selections/bad: ")


def test_targets_are_countries() -> None:
    like = {"Sweden": 3, "FR": 2, "Nowhere": 1, "JP": 0}
    quotas = Quotas(quotas={"SE": 9})
    targets = [
        Selected(options=Options(**options), mapping=quotas).target()
        for options in (
            {"like": like},
            {"like": like, "rule": "target"},
            {"like": like, "rule": "sqrt"},
            {"like": like, "by": "region_id"},
        )
    ]
    assert targets[0] == targets[1] == {"SE": 3, "FR": 2, "Nowhere": 1}
    assert targets[2:] == [{"SE": 9}, {}]
    assert Selected().target() == {}


def test_what_was_left_out() -> None:
    about = Selected(
        unlicensed=3,
        decontaminated=[Decontaminated(other="other", sha256=1, distance=2)],
        dropped={"near_another_split": 5},
    )
    assert about.left_out() == [
        ("without licence or author", 3),
        ("in other too, by bytes", 1),
        ("in other too, by distance", 2),
        ("near_another_split", 5),
    ]
