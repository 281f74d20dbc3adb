"""The page of an evaluation in a real browser: whole, readable, bounded, with the right rows."""

from pathlib import Path
from typing import Any

import pytest

from shards.errors import UsageError, WorkError
from shards.world.outlines import outlines
from tests.queries.browsing import closed, opened
from tests.queries.conftest import browser  # noqa: F401
from tests.training.evaluation.page.evaluations import make_rows, write_evaluation
from training.data.labels import read_labels
from training.data.samples import read_samples
from training.evaluation.page.page import evaluation_page
from training.evaluation.page.pictures import chosen_rows
from training.evaluation.page.predictions import read_predictions

HOSTILE = "</style><script>console.error(1)</script>\u202e"
WIDTHS = [(1280, "light"), (390, "dark")]


def with_pictures(rows: list[dict[str, Any]], shards: Path) -> list[dict[str, Any]]:
    """The rows with the places of real pictures of these shards, as far as there are any."""
    samples = read_samples(shards, "test", read_labels(shards))
    tars = [str(tar.relative_to(shards)) for tar in samples.tars]
    return [
        row | {"tar": tars[tar], "tar_offset": int(offset), "tar_size": int(size)}
        for row, tar, offset, size in zip(
            rows, samples.tar, samples.offset, samples.size, strict=False
        )
    ]


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_opens_in_a_browser(
    tmp_path: Path,
    shards: Path,
    browser: Any,  # noqa: F811
    width: int,
    scheme: str,
) -> None:
    rows = with_pictures(make_rows(11), shards)
    folder = write_evaluation(tmp_path / "evaluation", rows, network=HOSTILE)
    evaluation_page(folder, shards)
    page = opened(browser, folder / "index.html", width, scheme)
    right = sum(row["country_rank"] == 0 for row in rows)
    assert f"{100 * right / 11:.1f} %" in page.inner_text(".tiles")
    assert page.locator(".map .truth").count() == 11
    assert page.locator("#countries [data-country]").count() == len({r["country"] for r in rows})
    # Each of the eleven stands in a group at most once, and all pictures are there.
    assert page.locator("#pictures img").count() == page.locator("#pictures figure").count() >= 11
    assert "</style>" in page.inner_text("#identity")
    closed(page, width)


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path, shards: Path) -> None:
    folder = write_evaluation(tmp_path / "evaluation", with_pictures(make_rows(11), shards))
    pages = []
    for _ in range(2):
        evaluation_page(folder, shards)
        pages.append((folder / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_without_coordinates_countries_or_pictures(tmp_path: Path, browser: Any) -> None:  # noqa: F811
    rows = make_rows(20, located=False)
    for row in rows:
        row["country_rank"] = None
    folder = write_evaluation(tmp_path / "evaluation", rows)
    evaluation_page(folder)
    page = opened(browser, folder / "index.html")
    assert page.locator("#distance").count() == 0
    assert page.locator(".map .truth").count() == 0
    assert "0.0 %" in page.inner_text(".tiles")
    closed(page)


def test_all_right_has_no_confusion(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "evaluation", make_rows(20, skill=1.0))
    evaluation_page(folder)
    assert "No mistakes." in (folder / "index.html").read_text()


def test_its_size_is_bounded(tmp_path: Path) -> None:
    codes = sorted(outlines())
    places = {code: (n % 170 - 85.0, n * 7 % 360 - 180.0) for n, code in enumerate(codes)}
    folder = write_evaluation(tmp_path / "evaluation", make_rows(6000, places=places))
    evaluation_page(folder)
    # Beside it 24 pictures of 14 kB at most, as base64.
    assert (folder / "index.html").stat().st_size < 3_000_000 - 24 * 14_000 * 4 / 3


def test_pictures_of_a_group_are_the_extreme_ones(tmp_path: Path) -> None:
    rows = make_rows(30)
    predictions = read_predictions(write_evaluation(tmp_path / "evaluation", rows))
    groups = chosen_rows(predictions, 3)
    km = [row["distance_km"] for row in rows]
    assert [km[row] for row in groups["best"]] == sorted(km)[:3]
    assert [km[row] for row in groups["worst"]] == sorted(km)[-1:-4:-1]
    wrong = [row["probability"] for row in rows if row["country_rank"] != 0]
    assert [rows[n]["probability"] for n in groups["surest mistakes"]] == sorted(wrong)[-1:-4:-1]


def test_what_is_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no evaluation\.json"):
        evaluation_page(tmp_path)
    folder = write_evaluation(tmp_path / "evaluation", make_rows(3))
    (folder / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(WorkError, match=r"predictions\.parquet: cannot be read"):
        evaluation_page(folder)
    (folder / "evaluation.json").write_text("[]")
    with pytest.raises(WorkError, match="not an evaluation"):
        evaluation_page(folder)
