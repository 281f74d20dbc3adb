"""The calibration page: the right pictures on both sides of a threshold, and what scores see."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from enrich.scores.degrade import darken, degradations
from queries.calibration import PICTURES, calibrate, parse_thresholds
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, encoded, write_segment
from tests.enrich.samples import picture as sharp
from tests.queries.conftest import HandMade, picture, row

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "</style><script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetLayout:
    """Twelve pictures from bright to black, through the real pipeline."""
    layout = DatasetLayout(tmp_path_factory.mktemp("dark"))
    captures = [
        (
            capture(f"test-{n}", lat=f"55.7{n:02d}", source_url=f"https://example.org/{n}"),
            encoded(darken(sharp(n), 0.75**n)),
            "jpg",
        )
        for n in range(12)
    ]
    write_segment(layout, "w-000000", captures)
    summary = enrich_dataset(layout, EnrichOptions(max_brightness=200), workers=1)
    assert 0 < summary.rejected["low_variance"] < 12
    return layout


def test_page_in_a_browser(dataset: DatasetLayout, browser: Any) -> None:
    summary = calibrate(dataset, None, spoil=3, out=None)
    assert summary["photographs"] == 3
    assert summary["scores"]["rgb_variance"]["captures"] == 12
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        noise: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message, noise=noise: noise.append(message.text))
        page.on("request", lambda request, requests=requests: requests.append(request.url))
        page.goto(Path(summary["page"]).as_uri())
        assert page.locator("[data-score] svg.histogram").count() == 5
        assert page.locator("[data-score=rgb_variance] path.threshold").count() == 1
        assert page.locator("[data-score=contrast] path.threshold").count() == 0
        headings = page.locator("[data-score=rgb_variance] h4").all_inner_texts()
        assert headings == ["Just below 300", "Just above 300"]
        headings = page.locator("[data-score=brightness] h4").all_inner_texts()
        assert headings == ["Just below 200", "Just above 200"]
        shown = page.locator("[data-score=rgb_variance] figcaption b").all_inner_texts()
        values = [float(text.replace(",", "")) for text in shown]
        assert values == sorted(values)
        assert page.locator("[data-score=rgb_variance] figure.rejected img").count() > 0
        ways = len(list(degradations()))
        assert page.locator(".versions img").count() == 1 + ways
        assert page.locator("#separation td.auc").count() == 5 * ways
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        assert page.evaluate(broken) == 0
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        assert noise == []
        page.close()


def test_same_dataset_same_page(dataset: DatasetLayout, tmp_path: Path) -> None:
    for name in ("a", "b"):
        calibrate(dataset, None, spoil=2, out=tmp_path / name)
    first, second = ((tmp_path / name / "index.html").read_bytes() for name in ("a", "b"))
    assert first == second


def test_the_nearest_different_pictures_on_both_sides(hand_made: HandMade, browser: Any) -> None:
    rows = [
        row(n, rgb_variance=200.0 + n, status="rejected" if n <= 100 else "kept")
        for n in range(85, 115)
    ]
    # A picture that was captured thirty times takes one place.
    copies = [row(200 + n, rgb_variance=300.0, sha256=rows[15]["sha256"]) for n in range(30)]
    hostile = row(99, rgb_variance=300.5, key="x", source_url=f"https://{HOSTILE}")
    hand_made.add_part([*rows, *copies, hostile], images=True)
    options = {"min_rgb_variance": 300.0}
    (hand_made.layout.enriched / "options.json").write_text(json.dumps(options))
    summary = calibrate(hand_made.layout, None, spoil=0, out=None)
    counts = {"captures": 61, "not_above": {"300": 46}}
    assert summary["scores"]["rgb_variance"] == counts
    assert (summary["photographs"], summary["separation"]) == (0, [])
    page = browser.new_page()
    page.goto(Path(summary["page"]).as_uri())
    assert page.locator("script").count() == 0
    shown = page.locator("[data-score=rgb_variance] figcaption b").all_inner_texts()
    below, above = shown[:PICTURES], shown[PICTURES:]
    assert below == ["295", "296", "297", "298", "299", "300"]
    assert above == ["300.5", "301", "302", "303", "304", "305"]
    page.close()


def test_another_threshold_can_be_looked_at(dataset: DatasetLayout, tmp_path: Path) -> None:
    tried = parse_thresholds(["min_rgb_variance=1000", "min_entropy=4.5"])
    scores = calibrate(dataset, None, spoil=0, tried=tried, out=tmp_path)["scores"]
    assert list(scores["rgb_variance"]["not_above"]) == ["1000"]
    assert list(scores["entropy"]["not_above"]) == ["4.5"]
    assert list(scores["brightness"]["not_above"]) == ["200"]
    assert "Just below 1000" in (tmp_path / "index.html").read_text()


def test_rejected_captures_are_shown_as_they_were_captured(hand_made: HandMade) -> None:
    rows = [
        row(1, rgb_variance=10.0, status="rejected", bytes=picture(1)),
        row(2, rgb_variance=20.0, status="rejected", bytes=b"no picture"),
        row(3, rgb_variance=900.0),
    ]
    hand_made.add_part(rows, images=True)
    html = Path(calibrate(hand_made.layout, None, spoil=0, out=None)["page"]).read_text()
    # Two of the three can be shown: one below the default threshold, one above.
    section = html[html.index('data-score="rgb_variance"') : html.index('data-score="laplacian')]
    assert section.count("data:image/jpeg") == 2
    assert section.count("no picture") == 1


def test_photographs_of_a_folder(tmp_path: Path, lostfound: Run) -> None:
    photos = tmp_path / "photos" / "deep"
    photos.mkdir(parents=True)
    for number in range(3):
        (photos / f"{number}.jpg").write_bytes(encoded(sharp(number)))
    (photos / "broken.jpg").write_bytes(encoded(sharp(9))[:3000])
    (photos / "small.png").write_bytes(encoded(sharp(9, 64, 64), "png"))
    (photos / "notes.txt").write_text("no picture")
    code, out, _ = lostfound("calibrate", "--photos", tmp_path, "--json")
    summary = json.loads(out)
    assert code == 0
    assert (summary["photographs"], summary["scores"]) == (3, {})
    assert "page" not in summary
    ways = len(list(degradations()))
    assert len(summary["separation"]) == 5 * ways
    assert all(one["auc"] == 1 for one in summary["separation"] if one["expected"])
    code, out, _ = lostfound("calibrate", "--photos", tmp_path, "--out", tmp_path / "page")
    assert code == 0
    assert "blurred, sigma 1" in out
    assert "Suggested thresholds" in (tmp_path / "page" / "index.html").read_text()


def test_wrong_usage(tmp_path: Path, lostfound: Run) -> None:
    bad_limits = (("--at", text) for text in ("width=3", "min_entropy", "min_entropy=inf"))
    bad_places = ((), (tmp_path,), (tmp_path / "none",), ("--photos", tmp_path))
    for arguments in (*bad_places, *bad_limits):
        code, _, error = lostfound("calibrate", *arguments)
        assert (code, error.count("\n")) == (2, 1)
