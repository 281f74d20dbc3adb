"""The distribution mapping: the published numbers, a brute-force twin, and bad counts."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lostfound import main
from queries.distribution.counts import read_counts
from queries.distribution.mapping import parse_share, quotas
from shards.errors import UsageError

PUBLISHED = [
    ("pool_all.json", "expected_all.json", "0", None, 89, 1_239),
    ("pool.json", "expected_min_share_0.0075_slack_0.75.json", "0.0075", "0.75", 54, 95_153),
    ("pool.json", "expected_min_share_0.005_slack_0.5.json", "0.005", "0.5", 75, 82_473),
]


@pytest.mark.parametrize(
    ("pool", "expected", "min_share", "slack", "countries", "total"), PUBLISHED
)
def test_published_lists(
    shared_data: Path,
    pool: str,
    expected: str,
    min_share: str,
    slack: str | None,
    countries: int,
    total: int,
) -> None:
    folder = shared_data / "distribution"
    result = quotas(
        read_counts(folder / pool),
        read_counts(folder / "target.json"),
        parse_share(min_share, "min_share"),
        None if slack is None else parse_share(slack, "slack"),
    )
    assert result.quotas == json.loads((folder / expected).read_text())
    assert (len(result.quotas), result.total) == (countries, total)


def test_by_hand() -> None:
    pool = {"A": 100, "B": 60, "C": 5, "D": 40, "E": 0}
    target = {"A": 10, "B": 10, "C": 1, "E": 3, "F": 2, "G": 0}
    # N = 205; the share of C is 0.024; f = min(100/10, 60/10) = 6.
    result = quotas(pool, target, Fraction(1, 10))
    assert result.quotas == {"A": 60, "B": 60}
    assert result.missing == ["E", "F"]
    assert result.left_out == ["C", "D"]
    # C joins when 5 / 1 >= s * 6, with ceil(s * 5).
    assert quotas(pool, target, Fraction(1, 10), Fraction(5, 6)).quotas["C"] == 5
    assert quotas(pool, target, Fraction(1, 10), Fraction(1, 2)).quotas["C"] == 3
    assert "C" not in quotas(pool, target, Fraction(1, 10), Fraction(9, 10)).quotas


def test_share_exactly_at_the_threshold_is_core() -> None:
    assert quotas({"A": 3, "B": 97}, {"A": 1, "B": 1}, Fraction("0.03")).quotas == {"A": 3, "B": 3}


def test_a_float_ceiling_would_be_off_by_one() -> None:
    # 49 * (1 / 49) is below 1 in floats and 3 * 0.1 above 0.3.
    assert quotas({"A": 1, "B": 98}, {"A": 49, "B": 49}).quotas == {"A": 1, "B": 1}
    slack = quotas({"A": 10, "B": 1000}, {"A": 10, "B": 1000}, Fraction("0.5"), Fraction("0.3"))
    assert slack.quotas == {"B": 1000, "A": 3}


def brute_force(
    pool: dict[str, int],
    target: dict[str, int],
    min_share: Fraction,
    slack: Fraction | None,
    root: int = 1,
) -> dict[str, int]:
    """The definition word by word: the smallest whole numbers that satisfy each inequality.

    With root 2, n / sqrt(t) >= x stands where n >= 0 and n² >= x² · t.
    """

    def smallest_at_least(value: Fraction, power: int = 1) -> int:
        return next(n for n in range(10**6) if n**power >= value)

    total = sum(pool.values())
    both = [c for c in pool if target.get(c, 0) > 0 and pool[c] > 0]
    core = [c for c in both if Fraction(pool[c], total) >= min_share]
    if not core:
        return {}
    f = min(Fraction(pool[c] ** root, target[c]) for c in core)
    result = {c: smallest_at_least(target[c] * f, root) for c in core}
    for c in both:
        joins = slack is not None and Fraction(pool[c] ** root, target[c]) >= slack**root * f
        if c not in core and joins and slack:
            result[c] = smallest_at_least(slack * pool[c])
    return result


COUNTS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(0, 500), min_size=1)
SHARES = st.integers(0, 40).map(lambda n: Fraction(n, 40))


@given(COUNTS, COUNTS, SHARES, st.none() | SHARES, st.sampled_from([1, 2]))
def test_equals_brute_force(
    pool: dict[str, int],
    target: dict[str, int],
    min_share: Fraction,
    slack: Fraction | None,
    root: int,
) -> None:
    expected = brute_force(pool, target, min_share, slack, root)
    if not expected:
        with pytest.raises(UsageError):
            quotas(pool, target, min_share, slack, root=root)
        return
    result = quotas(pool, target, min_share, slack, root=root)
    assert result.quotas == expected
    assert all(0 < quota <= pool[name] for name, quota in result.quotas.items())
    named = {name for name, n in pool.items() if n}
    assert set(result.quotas) | set(result.left_out) == named
    assert not set(result.quotas) & set(result.left_out)
    assert set(result.missing) == {c for c, t in target.items() if t and not pool.get(c)}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    pool, target = tmp_path / "pool.json", tmp_path / "target.csv"
    pool.write_text('{"Sweden": 10, "Côte d\'Ivoire": 4}')
    target.write_text("country,count\nSweden,2\nCôte d'Ivoire,1\nPeru,3\n", encoding="utf-8-sig")
    return pool, target


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_command_prints_json(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quotas", "--pool", files[0], "--target", files[1]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "quotas": {"Sweden": 8, "Côte d'Ivoire": 4},
        "total": 12,
        "missing": ["Peru"],
        "left_out": [],
    }
    assert run("quotas", "--pool", files[0], "--target", files[1], "--table") == 0
    assert "Sweden" in capsys.readouterr().out


BAD_COUNTS = {
    '{"A": -1}': "A: count -1",
    '{"A": 1.5}': "A: count 1.5",
    '{"A": true}': "A: count True",
    '{"A": NaN}': "A: count nan",
    '{"A": {"B": 1}}': "A: count",
    '{"A": 1, "A": 2}': "A is counted twice",
    "[1, 2]": "a JSON list",
    '{"A": ': "not JSON",
    "": "no counts",
    "{}": "no counts",
    "country,count\n": "no counts",
    "A,1\nA,2": "A is counted twice",
    "A,many": "A: count 'many'",
    "A,1.0": "A: count '1.0'",
    "A;1": "'A;1' does not read country,count; it has semicolons",
    "country\tcount\nA\t1": "it has tabs",
    "Sweden,1\nSE,2": "'Sweden' and 'SE' both mean SE",
    "A,1000000000000001": "A: a count of more than 1,000,000,000,000,000",
    '{"A": 1' + "0" * 400 + "}": "A: a count of more than",
    '{"A\\nB": -1}': "A B: count -1",
    ",1": "a count has no country",
    '{"B": 3}': "no country in common",
    '{"A": 0}': "the pool's counts are all zero",
}


@pytest.mark.parametrize("text", BAD_COUNTS)
def test_bad_counts_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad"
    good.write_text('{"A": 1}')
    bad.write_text(text)
    assert run("quotas", "--pool", bad, "--target", good) == 2
    error = capsys.readouterr().err
    assert BAD_COUNTS[text] in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan", "inf", "much", "", "1/0"])
@pytest.mark.parametrize("option", ["--min-share", "--slack"])
def test_bad_thresholds(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert run("quotas", "--pool", files[0], "--target", files[1], f"{option}={value}") == 2
    error = capsys.readouterr().err
    assert option in error
    assert error.count("\n") == 1


def test_unreadable_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quotas", "--pool", tmp_path / "none", "--target", tmp_path) == 2
    assert "No such file" in capsys.readouterr().err
