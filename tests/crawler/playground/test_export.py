"""Pictures from a real Chromium: good ones pass the filters, bad ones trip them."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from crawler.game.site import Site
from crawler.playground.export import export, picture_name
from crawler.playground.sheet import write_sheet
from crawler.playground.world import World, WorldConfig
from shards.errors import UsageError
from shards.keys import is_key

SITE = Site(base_url="http://localhost")
CONFIG = WorldConfig(seed=0, countries=20, bad_share=0.5)
COUNT = 32
MIN_VARIANCE, MIN_LAPLACIAN = 300, 30


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export")
    summary = export(CONFIG, COUNT, out)
    assert (summary["pictures"], sum(summary["kinds"].values())) == (COUNT, COUNT)
    return out


def labels(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def at_working_size(path: Path) -> npt.NDArray[Any]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA)


def scores(path: Path) -> tuple[float, float]:
    """Largest variance of a colour channel, and variance of the Laplacian."""
    picture = at_working_size(path)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    variance = picture.reshape(-1, 3).astype(np.float64).var(axis=0).max()
    return float(variance), float(cv2.Laplacian(grey, cv2.CV_64F).var())


def test_the_labels_are_the_rounds_of_the_world(exported: Path) -> None:
    world, rows = World(CONFIG), labels(exported)
    assert len(rows) == COUNT
    for number, row in enumerate(rows):
        dealt = world.round(number)
        assert row["file"] == picture_name(CONFIG, dealt)
        assert is_key(Path(row["file"]).stem)
        assert (float(row["lat"]), float(row["lon"])) == (dealt.place.lat, dealt.place.lon)
        assert (row["country"], row["kind"]) == (dealt.place.country, dealt.kind)
        assert (row["license"], row["attribution"]) == (SITE.license, SITE.attribution)
    names = {path.name for path in exported.glob("*")}
    assert names == {row["file"] for row in rows} | {"labels.csv"}


def test_good_pictures_pass_the_filters_and_bad_ones_trip_them(exported: Path) -> None:
    seen = set()
    for row in labels(exported):
        path, kind = exported / row["file"], row["kind"]
        seen.add(kind)
        if kind == "broken":
            assert not path.read_bytes().endswith(b"\xff\xd9")
        elif kind == "tiny":
            picture = cv2.imread(str(path))
            assert picture is not None
            assert picture.shape == (27, 48, 3)
        else:
            variance, laplacian = scores(path)
            assert (variance >= MIN_VARIANCE) == (kind not in ("black", "indoor"))
            assert (laplacian >= MIN_LAPLACIAN) == (kind in ("good", "repeat"))
    assert seen == {"good", "black", "indoor", "blurred", "tiny", "broken", "repeat"}


def test_a_second_export_has_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    export(CONFIG, 8, tmp_path)
    names = [row["file"] for row in labels(tmp_path)]
    for name in names:
        assert (tmp_path / name).read_bytes() == (exported / name).read_bytes()
    assert (exported / "labels.csv").read_text().startswith((tmp_path / "labels.csv").read_text())


def test_a_picture_is_the_same_at_any_size(exported: Path, tmp_path: Path) -> None:
    export(CONFIG, 16, tmp_path, width=1280, height=720)
    good = [row["file"] for row in labels(tmp_path) if row["kind"] == "good"]
    pairs = [
        tuple(at_working_size(folder / name).astype(np.float64) for folder in (exported, tmp_path))
        for name in good
    ]
    for small, large in pairs:
        assert np.abs(small - large).mean() < 6
        assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.95
    assert np.abs(pairs[0][0] - pairs[1][0]).mean() > 15


def test_a_contact_sheet(exported: Path, tmp_path: Path) -> None:
    write_sheet(exported, tmp_path / "sheet.jpg")
    picture = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert picture is not None
    assert picture.std() > 20


@pytest.mark.parametrize(("count", "width"), [(0, 640), (-1, 640), (1, 0), (1, 100_000)])
def test_wrong_counts_and_sizes_are_refused(tmp_path: Path, count: int, width: int) -> None:
    with pytest.raises(UsageError):
        export(CONFIG, count, tmp_path, width=width)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write there"):
        export(CONFIG, 1, tmp_path / "file")
