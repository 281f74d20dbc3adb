"""What is seen of a capture while it passes."""

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crawler import probe
from crawler.probe import Probe, cell, is_blank, parse_position
from crawler.stats import Quality
from shards.capture import Capture


def capture(lat: str = "", lon: str = "", country: str = "") -> Capture:
    return Capture(key="k", source="s", source_id="1", lat=lat, lon=lon, country=country)


def picture(*, noise: bool, form: str = "JPEG", size: tuple[int, int] = (640, 360)) -> bytes:
    image = Image.new("RGB", size, (90, 120, 40))
    if noise:
        small = random.Random(3).randbytes(16 * 9 * 3)
        image = Image.frombytes("RGB", (16, 9), small).resize(size)
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_one_colour_is_blank(form: str) -> None:
    assert is_blank(picture(noise=False, form=form))
    assert not is_blank(picture(noise=True, form=form))
    assert not is_blank(picture(noise=True, form=form, size=(20, 12)))


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_blank(data: bytes) -> None:
    assert is_blank(data)
    assert is_blank(picture(noise=True)[:300] + data)


def test_a_giant_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MAX_PIXELS", 100)
    assert not is_blank(picture(noise=False))


def test_real_photographs_are_not_blank(shared_data: Path) -> None:
    paths = sorted(path for path in shared_data.rglob("*.jpg") if path.is_file())[:60]
    if not paths:
        pytest.skip("no photographs there")
    blank = [path.name for path in paths if is_blank(path.read_bytes())]
    assert len(blank) <= len(paths) // 20, blank


@pytest.mark.parametrize(
    ("lat", "lon", "found"),
    [
        ("59.3", "18.1", (59.3, 18.1)),
        ("-90", "180", (-90.0, 180.0)),
        ("0", "0", None),
        ("0", "5", (0.0, 5.0)),
        ("91", "0", None),
        ("12", "-180.5", None),
        ("nan", "5", None),
        ("inf", "5", None),
        ("", "", None),
        ("north", "5", None),
    ],
)
def test_positions(lat: str, lon: str, found: tuple[float, float] | None) -> None:
    assert parse_position(lat, lon) == found


def test_cells_are_named_by_their_corner() -> None:
    assert cell(59.3, 18.1) == "+50+10"
    assert cell(-0.5, -179.9) == "-10-180"
    assert cell(0.5, 0.5) == "+0+0"


def test_counts_what_passes() -> None:
    quality = Quality()
    look = Probe(quality)
    good, flat = picture(noise=True), picture(noise=False)
    look.observe(capture("59.3", "18.1"), good)
    look.observe(capture(country="Sweden"), good)
    look.observe(capture("1", "2", "Sweden"), flat)
    look.observe(capture("0", "0"), b"no picture")
    assert quality == Quality(
        captures=4,
        with_position=2,
        with_country=2,
        located=3,
        looked_at=4,
        blank=2,
        repeated=1,
        places=quality.places,
    )
    assert quality.places == {"+50+10": 1, "Sweden": 2}


def test_looks_at_every_third_picture() -> None:
    quality = Quality()
    look = Probe(quality, every=3)
    for _ in range(10):
        look.observe(capture(), b"x")
    assert (quality.captures, quality.looked_at, quality.blank, quality.repeated) == (10, 4, 4, 9)


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SEEN", 50)
    monkeypatch.setattr(probe, "MAX_PLACES", 20)
    quality = Quality()
    look = Probe(quality, every=1000)
    for number in range(200):
        look.observe(capture(country=f"C{number}"), str(number).encode())
    assert len(quality.places) <= 21
    assert quality.places.total() == 200
    assert len(look._seen) == len(look._order) == 50
