"""`lostfound quotas` beyond the report's rule: names, rules, caps, and a dataset as the pool."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "pool.json"
    path.write_text('{"Sweden": 100, "de": 64, "Peru": 9, "France": 25}')
    return path


def test_any_name_of_a_country(lostfound: Run, pool: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.csv"
    target.write_text("country,count\nSE,10\nDeutschland,10\nGermny,5\nJapan,1\nPE,0\n")
    code, out, err = lostfound("quotas", "--pool", pool, "--target", target)
    assert code == 0
    assert json.loads(out) == {
        "quotas": {"Sweden": 64, "de": 64},
        "total": 128,
        "missing": ["Germny", "Japan"],
        "left_out": ["France", "Peru"],
    }
    assert err == "note: 'Germny' is no country's name; Germany (DE)?\n"


def test_two_spellings_in_the_target(lostfound: Run, pool: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    target.write_text('{"Sweden": 1, "SWE": 2}')
    code, out, err = lostfound("quotas", "--pool", pool, "--target", target)
    assert (code, out) == (2, "")
    assert f"{target}: 'Sweden' and 'SWE' both mean SE" in err


RULES = [
    (["--rule", "equal"], {"France": 9, "Peru": 9, "Sweden": 9, "de": 9}),
    (["--rule", "equal", "--max-per", "5"], {"France": 5, "Peru": 5, "Sweden": 5, "de": 5}),
    (["--rule", "sqrt"], {"Sweden": 30, "de": 24, "France": 15, "Peru": 9}),
    (["--max-per", "50"], {"Sweden": 50, "de": 50, "France": 25, "Peru": 9}),
    # 446, 358, 548 and 1,290 thousand km²: Peru sets the scale.
    (["--rule", "area"], {"Peru": 9, "France": 4, "Sweden": 4, "de": 3}),
    (["--rule", "equal", "--by", "source"], {"France": 9, "Peru": 9, "Sweden": 9, "de": 9}),
]


@pytest.mark.parametrize(("options", "expected"), RULES)
def test_rules(lostfound: Run, pool: Path, options: list[str], expected: dict[str, int]) -> None:
    code, out, _ = lostfound("quotas", "--pool", pool, *options)
    assert code == 0
    assert json.loads(out)["quotas"] == expected


def test_a_dataset_is_a_pool(lostfound: Run, hand_made: HandMade) -> None:
    countries = ["SE"] * 12 + ["DE"] * 5
    hand_made.add_part([row(i, country) for i, country in enumerate(countries)])
    hand_made.add_part([row(90, region_id=None, region_name=None), row(91, status="rejected")])
    root = hand_made.layout.root

    def quotas(*options: str) -> dict[str, int]:
        _, out, _ = lostfound("quotas", "--dataset", root, *options)
        found: dict[str, int] = json.loads(out)["quotas"]
        return found

    assert quotas("--max-per", "99") == {"SE": 13, "DE": 5}
    assert quotas("--max-per", "99", "--by", "region") == {"SWE-2": 12, "DEU-3": 5}
    assert quotas("--rule", "equal", "--by", "floor(lat)::INTEGER") == {"52": 5, "55": 5}


WRONG = [
    ([], "give one of --pool"),
    (["--pool", "P", "--dataset", "D"], "give one of --pool"),
    (["--pool", "P"], "nothing to follow; give --target"),
    (["--pool", "P", "--rule", "target"], "--rule target needs --target"),
    (["--pool", "P", "--slack", "0.5"], "--slack belong to --target"),
    (["--pool", "P", "--rule", "area", "--by", "source"], "not by source"),
    (["--pool", "P", "--max-per", "0"], "--max-per"),
    (["--pool", "P", "--rule", "biggest"], "--rule"),
    (["--dataset", "D", "--by", "contry_code", "--max-per", "1"], "--by: "),
    (["--dataset", "D", "--by", "key); DROP VIEW samples; (key", "--max-per", "1"], "--by: "),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options(
    lostfound: Run, pool: Path, hand_made: HandMade, options: list[str], message: str
) -> None:
    hand_made.add_part([row(1)])
    given = {"P": pool, "D": hand_made.layout.root}
    code, out, err = lostfound("quotas", *(given.get(option, option) for option in options))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
