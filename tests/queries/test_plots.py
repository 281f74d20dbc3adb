"""The map and the histograms, and the pictures beside them."""

import io
import math
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from queries.plots import Bin, Cell, histogram, world_map
from queries.thumbnails import stored_thumbnail, thumbnail
from shards.world.projection import ASPECT, project
from tests.queries.conftest import picture

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def test_equal_earth_against_its_published_extent() -> None:
    """The paper gives an aspect of 2.05458 and pole lines 0.59247 as long as the equator."""
    assert pytest.approx(2.05458, abs=1e-4) == ASPECT
    (west, _), (east, _) = project(90, -180, 2.0), project(90, 180, 2.0)
    assert (east - west) / 2 == pytest.approx(0.59247, abs=1e-4)
    assert project(0, 0, 2.0) == pytest.approx((1, 1 / ASPECT))


@given(st.floats(-85, 85), st.floats(-170, 170))
def test_equal_areas(lat: float, lon: float) -> None:
    """A small cell's area on the map over its area on the sphere is the same everywhere."""
    d = 1e-4
    (x0, y0), (x1, y1) = project(lat, lon, 1e6), project(lat, lon + d, 1e6)
    x2, y2 = project(lat + d, lon, 1e6)
    area = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / math.cos(math.radians(lat))
    (a0, b0), (a1, b1) = project(0, 0, 1e6), project(0, d, 1e6)
    a2, b2 = project(d, 0, 1e6)
    assert area == pytest.approx(abs((a1 - a0) * (b2 - b0) - (a2 - a0) * (b1 - b0)), rel=1e-2)


def test_map_has_every_cell_and_escapes_names() -> None:
    svg = parsed(world_map([Cell(55.0, 13.0, 4), Cell(-12.0, -77.0, 1)], {"SE": ("<b>&", 4)}))
    circles = svg.findall(f".//{SVG}circle")
    assert len(circles) == 2
    assert float(circles[0].get("r", 0)) > float(circles[1].get("r", 0))
    titles = [title.text for title in svg.findall(f".//{SVG}path/{SVG}title")]
    assert titles == ["<b>&: 4"]


@pytest.mark.parametrize("log", [True, False])
def test_histogram(log: bool) -> None:
    bins = [Bin(1, 10, 2, 1), Bin(10, 100, 0, 0), Bin(100, 1000, 5, 0)]
    svg = parsed(histogram(bins, thresholds=[30], log=log))
    assert len(svg.findall(f"{SVG}rect")) == 3
    assert len(svg.findall(f"{SVG}path[@class='threshold']")) == 1
    assert len(svg.findall(f"{SVG}text[@class='tick']")) >= 3
    outside = parsed(histogram(bins, thresholds=[5000], log=log))
    assert not outside.findall(f"{SVG}path[@class='threshold']")


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_thumbnails() -> None:
    assert thumbnail(picture(1, 1280, 720), 240) is not None
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (1, 2, 3, 4)).save(buffer, "PNG")
    assert thumbnail(buffer.getvalue(), 240) is not None
    for data in (b"", b"text", picture(1)[:200], png(60_000, 60_000), png(8_000, 8_001)):
        assert thumbnail(data, 240) is None


def test_pictures_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.tar").write_bytes(picture(1))
    size = len(picture(1))
    assert stored_thumbnail(tmp_path, "a.tar", 0, size, 100) is not None
    for file, offset, length in (
        ("../a.tar", 0, size),
        (str(tmp_path / "a.tar"), 0, size),
        ("a.tar", 9, size),
        ("a.tar", -1, size),
        ("a.tar", 0, 1 << 40),
        ("none.tar", 0, 5),
        ("", 0, 0),
    ):
        assert stored_thumbnail(tmp_path / "data", file, offset, length, 100) is None
