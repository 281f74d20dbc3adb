"""The report: right totals in a real browser, nothing from outside, nothing unescaped."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queries.report import pictures
from queries.report.report import (
    MAX_RUNS_WITH_PICTURES,
    PREDICTION_WIDTH,
    THUMBNAIL_WIDTH,
    write_report,
)
from queries.report.runs import MAX_PREDICTIONS
from queries.report.scores import SCORES
from shards.pages.positions import MAX_POINTS
from shards.pages.thumbnails import MAX_THUMBNAIL_BYTES
from tests.queries.browsing import click_map, closed, opened
from tests.queries.conftest import PLACES, HandMade, duplicate, picture, row

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "</style><script>console.error('xss')</script><img src=x onerror=alert(1)>\"'&"
RIGHT_TO_LEFT = "\u202e\u05d9\u05e9\u05e8\u05d0\u05dc \u0627\u0644\u0639\u0631\u0628\u064a\u0629"
LONG = "W" * 5000
EVALUATION = {
    "split": "test",
    "samples": 40,
    "countries": 4,
    "country": {"top1": 0.525, "top3": 0.8, "top5": 1.0, "balanced_accuracy": 0.4},
    "chance_top1": 0.25,
    "majority_top1": 0.3,
    "distance_km": {"mean": 2210.0, "median": 640.0},
    "per_country": {"SE": {"samples": 12, "top1": 0.5, "median_km": None}},
}


@pytest.fixture
def dataset(hand_made: HandMade, lostfound: Run) -> HandMade:
    countries = ["SE"] * 12 + ["DE"] * 8 + ["FR"] * 5 + ["PE"] * 2
    rows = [row(i, country) for i, country in enumerate(countries)]
    rows += [
        row(30, status="rejected", reason="blurry", detail="12 < 30", laplacian_variance=12.0),
        row(31, status="rejected", reason="undecodable", bytes=b"no picture", rgb_variance=None),
    ]
    hand_made.add_part(rows, images=True)
    hand_made.add_duplicates([duplicate(rows[0], "duplicate_bytes", rows[1]["key"])])
    root = hand_made.layout.root
    options = {"min_rgb_variance": 300.0, "min_laplacian_variance": 30.0}
    (root / "enriched" / "options.json").write_text(json.dumps(options))
    lostfound("select", root, "--name", "all")
    return hand_made


def add_run(root: Path, name: str, evaluation: Any, predictions: Any = None) -> None:
    folder = root / "runs" / name
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation" / "evaluation.json").write_text(json.dumps(evaluation))
    (folder / "config.json").write_text(json.dumps({"network": "mobilenet_v3_small", "epochs": 3}))
    if predictions is not None:
        (folder / "predictions.json").write_text(json.dumps(predictions))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("scripts", [True, False])
def test_opens_in_a_browser(
    dataset: HandMade, lostfound: Run, browser: Any, width: int, scheme: str, scripts: bool
) -> None:
    root = dataset.layout.root
    (root / "street.jpg").write_bytes(picture(1))
    answers = [{"code": "SE", "name": "Sweden", "probability": 0.61}]
    prediction = {"image": str(root / "street.jpg"), "countries": answers}
    add_run(root, "abc123", EVALUATION, [prediction])
    code, out, _ = lostfound("report", root, "--json")
    summary = json.loads(out)
    assert code == 0
    assert (summary["captures"], summary["kept"], summary["countries"]) == (29, 26, 4)
    assert summary["rejected"] == {"blurry": 1, "duplicate_bytes": 1, "undecodable": 1}
    page = opened(browser, Path(summary["report"]), width, scheme, java_script_enabled=scripts)
    assert page.inner_text("#captures") == "29"
    assert page.inner_text("#kept") == "26"
    assert page.inner_text("#rejected") == "3"
    assert "11" in page.inner_text("#by-country [data-country=SE]")
    assert page.locator("[data-reason]").count() == 3
    assert page.locator("#samples img").count() == 8 + 8 + 5 + 2
    assert page.locator("#rejections img").count() == 2
    assert page.locator("#rejections .nothing").count() == 1
    assert page.locator("svg.histogram path.threshold").count() == 2
    assert page.locator("svg.map circle").count() >= 4
    assert page.locator("[data-score=rgb_variance] .along img").count() >= 3
    assert "52.5 %" in page.inner_text("#models")
    assert "640 km" in page.inner_text("#models")
    assert page.locator("#models img").count() == 1
    assert "✓ none" in page.inner_text("[data-selection=all] .leaks")
    assert "CC-BY-SA-4.0" in page.inner_text("#licences")
    assert "1 author to name" in page.inner_text("#authors")
    assert page.is_visible("svg.map") == (not scripts)
    assert page.is_visible("#map canvas") == scripts
    assert page.locator("#samples .group:visible").count() == (1 if scripts else 4)
    if scripts:
        closed(page, width)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(
    dataset: HandMade, lostfound: Run, browser: Any, width: int, scheme: str
) -> None:
    root = dataset.layout.root
    add_run(root, "abc123", EVALUATION)
    add_run(root, "bad", [])
    (root / "like.json").write_text('{"SE": 3, "DE": 1, "Bermuda": 1}')
    lostfound("select", root, "--name", "even", "--like", root / "like.json")
    page = opened(browser, Path(write_report(dataset.layout, "default")["report"]), width, scheme)
    click_map(page, *PLACES["PE"][3:])
    page.wait_for_selector("#map .panel:not([hidden])")
    page.evaluate("for (const element of document.querySelectorAll('details')) element.open = true")
    assert page.evaluate((Path(__file__).parents[1] / "accessible.js").read_text()) == []
    closed(page, width)


def test_the_axis_can_be_logarithmic(dataset: HandMade, lostfound: Run, browser: Any) -> None:
    root = dataset.layout.root
    (root / "like.json").write_text('{"SE": 3, "PE": 1}')
    lostfound("select", root, "--name", "even", "--like", root / "like.json")
    out = Path(write_report(dataset.layout, "default")["report"])
    page = opened(browser, out, java_script_enabled=False)  # no script is needed for it

    def length(selector: str) -> float:
        fill = page.locator(f"#by-country [data-country=PE] {selector}").bounding_box()
        track = page.locator("#by-country [data-country=PE] .track").bounding_box()
        at = fill["x"] + 1 - track["x"] if selector == "b" else fill["width"]
        return float(at / track["width"])

    # 2 of 26 samples are Peru's, its target is a quarter; the axis ends at Sweden's target.
    assert length(".fill") == pytest.approx(2 / 19.5, abs=0.01)
    assert length("b") == pytest.approx(6.5 / 19.5, abs=0.01)
    page.check("input[value=log]")
    assert length(".fill") == pytest.approx(math.log(3) / math.log(20.5), abs=0.01)
    assert length("b") == pytest.approx(math.log(7.5) / math.log(20.5), abs=0.01)
    page.context.close()


def test_selections_of_all_ages(dataset: HandMade, lostfound: Run, browser: Any) -> None:
    root = dataset.layout.root
    lostfound("select", root, "--name", "old", "--split-by", "key")
    path = root / "selections" / "old" / "selection.json"
    summary = json.loads(path.read_text())
    del summary["leak_check"]
    path.write_text(json.dumps(summary))
    lostfound("select", root, "--name", "odd")
    (root / "selections" / "odd" / "selection.json").write_text("[]")
    report = write_report(dataset.layout, "default")
    assert [line.partition(":")[0] for line in report["problems"]] == ["selections/odd"]
    page = opened(browser, Path(report["report"]))
    assert "Not checked" in page.inner_text("[data-selection=old]")
    assert "Not checked" not in page.inner_text("[data-selection=all]")
    assert "selections/odd" in page.inner_text("#problems")
    closed(page)


def test_hostile_text_stays_text(dataset: HandMade, browser: Any) -> None:
    root = dataset.layout.root
    names = {"country_name": HOSTILE, "region_name": f"x_{HOSTILE}_y", "license": HOSTILE}
    dataset.add_part(
        [
            row(50, **names, source=HOSTILE, source_url="javascript:alert(1)"),
            row(51, "JP", country_name=RIGHT_TO_LEFT, attribution=LONG, license=LONG),
            row(52, status="rejected", reason="blurry", detail=HOSTILE, source_url=HOSTILE),
            row(53, "PE", country_code="X<b>", country_name=HOSTILE, attribution=HOSTILE),
        ],
        images=True,
    )
    answers = [{"code": HOSTILE, "name": HOSTILE, "probability": 0.5}]
    evaluation = EVALUATION | {
        "split": HOSTILE,
        "per_country": {HOSTILE: {"samples": 1, "top1": 1}},
    }
    add_run(root, "x", evaluation, [{"image": HOSTILE, "countries": answers}])
    out = Path(write_report(dataset.layout, "hostile")["report"])
    html = out.read_text()
    assert html.count("<script") == 2
    assert html.count("</script") == 2
    assert "<img src=x" not in html
    assert 'href="javascript' not in html
    assert LONG not in html
    for width in (1280, 390):
        page = opened(browser, out, width)
        assert HOSTILE in page.inner_text("#licences")
        page.focus("#map canvas")
        page.select_option("#country-choice select", "samples-JP")
        assert page.is_visible("#samples-JP img")
        # The country's panel: its name is text there too.
        click_map(page, *PLACES["SE"][3:])
        page.wait_for_selector("#map .panel:not([hidden])")
        closed(page, width)


def test_only_the_page_s_own_script_may_run(dataset: HandMade, browser: Any) -> None:
    out = Path(write_report(dataset.layout, "default")["report"])
    changed = out.with_name("changed.html")
    changed.write_text(out.read_text().replace("</body>", "<script>alert(1)</script></body>"))
    page = opened(browser, changed)
    assert len(page.noise) == 1
    assert "Content Security Policy" in page.noise[0]
    page.context.close()


def test_same_dataset_same_page(dataset: HandMade) -> None:
    pages = [Path(write_report(dataset.layout, name)["report"]) for name in ("a", "b")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_empty_dataset(hand_made: HandMade, browser: Any) -> None:
    out = Path(write_report(hand_made.layout, "default")["report"])
    page = opened(browser, out)
    assert page.inner_text("#captures") == "0"
    assert "lostfound enrich" in page.inner_text("header")
    closed(page)


@pytest.mark.parametrize("status", ["kept", "rejected"])
def test_all_of_one_status(hand_made: HandMade, status: str) -> None:
    reason = None if status == "kept" else "no_country"
    hand_made.add_part([row(1, status=status, reason=reason)], images=True)
    summary = write_report(hand_made.layout, "default")
    assert summary["kept"] == (status == "kept")


@pytest.mark.parametrize(
    "evaluation",
    [{}, [], EVALUATION | {"chance_top1": 7}, EVALUATION | {"country": {"top1": float("nan")}}],
)
def test_a_bad_run_is_named_and_the_rest_is_shown(dataset: HandMade, evaluation: Any) -> None:
    root = dataset.layout.root
    add_run(root, "good", EVALUATION)
    add_run(root, "bad", evaluation)
    summary = write_report(dataset.layout, "default")
    assert summary["runs"] == 1
    assert len(summary["problems"]) == 1
    assert summary["problems"][0].startswith("runs/bad: ")
    assert "runs/bad" in Path(summary["report"]).read_text()


def test_pictures_outside_the_dataset_are_not_copied(dataset: HandMade, tmp_path: Path) -> None:
    (tmp_path / "private.jpg").write_bytes(picture(5))
    link = dataset.layout.root / "link.jpg"
    link.symlink_to(tmp_path / "private.jpg")
    for image in (str(tmp_path / "private.jpg"), "../private.jpg", "link.jpg"):
        name = re.sub(r"\W", "_", image)[-20:]
        add_run(dataset.layout.root, name, EVALUATION, [{"image": image, "countries": []}])
    html = Path(write_report(dataset.layout, "default")["report"]).read_text()
    models = html[html.index('id="models"') :]
    assert models.count("no picture") == 3
    assert "data:image" not in models


def test_pictures_and_positions_are_bounded_by_design() -> None:
    """Whatever a dataset holds: base64 adds a third, a position takes at most 15 bytes."""
    small = pictures.MAX_SAMPLES + pictures.MAX_REJECTED + pictures.ALONG * len(SCORES)
    large = MAX_RUNS_WITH_PICTURES * MAX_PREDICTIONS * PREDICTION_WIDTH / THUMBNAIL_WIDTH
    bytes_ = MAX_THUMBNAIL_BYTES * (small + large) + 15 * MAX_POINTS
    assert bytes_ * 4 / 3 < 19_000_000


def test_no_dataset(tmp_path: Path, lostfound: Run) -> None:
    code, _, error = lostfound("report", tmp_path / "none")
    assert (code, error.count("\n")) == (2, 1)
