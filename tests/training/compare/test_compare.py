"""Comparisons: what is called better, what is refused, and the page of it in a real browser."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from shards.atomic import write_json
from shards.errors import UsageError
from tests.queries.browsing import closed, opened
from tests.queries.conftest import browser  # noqa: F401
from tests.training.evaluation.page.evaluations import make_rows, write_evaluation
from training.compare.commands import register
from training.compare.compare import compare, statistics
from training.compare.curves import points_of
from training.compare.entries import MOST, Entry, flat, read_entries, why_not_paired
from training.compare.page import comparison_page, difference

SAMPLES = 300


def make_run(
    runs: Path, name: str, rows: list[dict[str, Any]], config: Any = None, **changes: Any
) -> Path:
    """A run's directory with an evaluation, a configuration and two epochs."""
    run = runs / name
    write_evaluation(run / "evaluation", rows, **changes)
    write_json(run / "config.json", {"config": config or {"epochs": 2, "heads": ["country"]}})
    lines = [
        {
            "epoch": epoch,
            "loss": {"country": 2.0 / (epoch + 1), "coordinates": 1.0},
            "validation": {"country": {"top1": 0.5}},
        }
        for epoch in range(2)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def worse(rows: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """The same answers, of which a share of the right ones became wrong and far."""
    random = np.random.default_rng(9)
    found = []
    for row in rows:
        if row["country_rank"] == 0 and random.random() < share:
            row = row | {"country_rank": 3, "predicted_country": "FJ", "distance_km": 9000.0}
        found.append(row)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rows = tmp_path_factory.mktemp("runs"), make_rows(SAMPLES)
    make_run(folder, "good", rows, {"epochs": 2, "optimiser": {"head_lr": 0.1}})
    make_run(folder, "bad", worse(rows, 0.3)[::-1], {"epochs": 2, "optimiser": {"head_lr": 0.2}})
    make_run(folder, "same", worse(rows, 0.01))
    make_run(folder, "other-split", rows, split="validation")
    make_run(folder, "other-data", rows, data_sha256="e" * 64)
    make_run(folder, "fewer", rows[1:])
    return folder


def entries_of(runs: Path, *names: str) -> list[Entry]:
    return read_entries([runs / name for name in names])


def by_path(found: dict[str, Any]) -> dict[str, Any]:
    return {row["path"]: row for row in found["figures"]}


def test_every_statistic_is_the_figure_of_the_evaluation(runs: Path) -> None:
    [entry, _] = entries_of(runs, "good", "bad")
    weights = np.ones((1, SAMPLES))
    found = {name: float(one(weights)[0]) for name, one in statistics(entry).items()}
    record = entry.record
    for k in (1, 3, 5):
        assert found[f"country.top{k}"] == pytest.approx(record["country"][f"top{k}"])
    distance = record["distance_km"]
    for name in ("mean", "median", "geoscore"):
        assert found[f"distance_km.{name}"] == pytest.approx(distance[name])
    for radius, share in distance["within"].items():
        assert found[f"distance_km.within.{radius}"] == pytest.approx(share)


def test_better_only_beyond_chance(runs: Path) -> None:
    """The same rows in another order are the same samples."""
    found = by_path(compare(entries_of(runs, "good", "bad")))
    top1 = found["country.top1"]
    assert top1["best"] == 0
    values = [value["value"] for value in top1["values"]]
    change = top1["from_first"][1]
    assert change["value"] == pytest.approx(values[1] - values[0])
    assert change["low"] < change["value"] < change["high"] < 0
    assert change["verdict"] == "worse"
    assert top1["from_first"][0] is None
    assert found["distance_km.mean"]["best"] == 0
    assert found["distance_km.mean"]["from_first"][1]["verdict"] == "worse"
    near = by_path(compare(entries_of(runs, "good", "same")))["country.top1"]
    assert near["values"][0] != near["values"][1]
    assert near["best"] is None
    assert near["from_first"][1]["verdict"] == "chance"
    # The best of three must beat both of the others.
    assert by_path(compare(entries_of(runs, "good", "same", "bad")))["country.top1"]["best"] is None


def test_countries_and_configurations(runs: Path) -> None:
    found = compare(entries_of(runs, "good", "bad"))
    for row in found["countries"]:
        assert row["p"][0] == 1.0
        assert row["recall"][1] <= row["recall"][0]
    assert found["countries"][0]["p"][1] < 0.05
    assert sum(row["samples"] for row in found["countries"]) == SAMPLES
    assert found["configuration"] == [{"key": "optimiser.head_lr", "values": [0.1, 0.2]}]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("other-split", "different splits (test, validation)"),
        ("other-data", "different data"),
        ("fewer", "different samples"),
    ],
)
def test_different_samples_are_refused_or_flagged(runs: Path, other: str, why: str) -> None:
    entries = entries_of(runs, "good", other)
    assert why in (why_not_paired(entries) or "")
    found = compare(entries)
    assert not found["paired"]
    assert all(row["best"] is None and not any(row["from_first"]) for row in found["figures"])
    assert found["countries"] == []
    assert "nothing is marked as better" in comparison_page(entries, found)


def test_the_command(runs: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    good, bad, page = str(runs / "good"), str(runs / "bad" / "evaluation"), tmp_path / "c.html"
    done = CliRunner().invoke(app, ["compare", good, bad, "--out", str(page), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["evaluations"]] == ["good", "bad"]
    assert page.is_file()
    done = CliRunner().invoke(app, ["compare", good, bad])
    assert "worse" in done.stdout
    other = str(runs / "other-split")
    refused = CliRunner().invoke(app, ["compare", good, other])
    assert isinstance(refused.exception, UsageError)
    assert "--unpaired" in str(refused.exception)
    assert CliRunner().invoke(app, ["compare", good, other, "--unpaired"]).exit_code == 0


def test_what_cannot_be_compared(runs: Path, tmp_path: Path) -> None:
    for paths, message in (
        ([runs / "good"], "1 evaluations; compare takes 2"),
        ([runs / "good", runs / "good" / "evaluation"], "the same evaluation twice"),
        ([runs / "good", tmp_path], "holds no evaluation/; run `lostfound evaluate"),
    ):
        with pytest.raises(UsageError, match=message.replace("(", r"\(")):
            read_entries(paths)
    many = [make_run(tmp_path, f"r{n}", make_rows(3)) for n in range(MOST + 1)]
    with pytest.raises(UsageError, match="9 evaluations"):
        read_entries(many)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_in_a_browser(
    runs: Path,
    tmp_path: Path,
    browser: Any,  # noqa: F811
    width: int,
    scheme: str,
) -> None:
    entries = entries_of(runs, "good", "bad", "same")
    html = comparison_page(entries, compare(entries))
    assert html == comparison_page(entries, compare(entries))
    out = tmp_path / "page.html"
    out.write_text(html)
    page = opened(browser, out, width, scheme)
    row = page.locator("[data-path='country.top1']")
    assert row.locator(".note.worse").count() == 1
    assert page.locator("svg.curves").count() == 2
    assert page.locator("svg.curves .line").count() == 6
    assert "optimiser.head_lr" in page.inner_text("#configuration")
    closed(page, width)


def test_curves_add_up_the_heads() -> None:
    epochs = [{"epoch": 0, "loss": {"a": 1.0, "b": 2.0}}, {"epoch": 1, "loss": 4}, {"epoch": 2}]
    assert points_of(epochs, "loss") == [(1, 3.0), (2, 4.0)]
    assert points_of(epochs, "validation.loss") == []
    assert len(points_of([{"epoch": n, "loss": 1.0} for n in range(5000)], "loss")) <= 400


def test_small_things() -> None:
    assert flat({"a": {"b": 1}, "c": [{"d": 2}]}) == {"a.b": 1, "c.0.d": 2}
    assert difference("country.top1", -0.05) == "\u22125.0 pp"
    assert difference("distance_km.median", 120.0) == "+120 km"
