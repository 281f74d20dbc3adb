"""EXIF as cameras really write it, and as damaged files have it."""

import io
import json
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from crawler.imports.exif import EXIF_IFD, GPS_IFD, exif_fields, walk
from crawler.imports.found import Problem

SOFTWARE = 0x0131
LUND = {1: "N", 2: (55.0, 41.0, 54.03), 3: "E", 4: (13.0, 11.0, 42.52)}


def photograph(
    gps: dict[int, Any] | None = None,
    exif: dict[int, Any] | None = None,
    tags: dict[int, Any] | None = None,
    kind: str = "JPEG",
) -> bytes:
    data = Image.Exif()
    data[SOFTWARE] = "test"
    for tag, value in (tags or {}).items():
        data[tag] = value
    data.get_ifd(GPS_IFD).update(gps or {})
    data.get_ifd(EXIF_IFD).update(exif or {})
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 60)).save(file, kind, exif=data)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_position(kind: str) -> None:
    fields = exif_fields(photograph(LUND, kind=kind))
    assert float(fields["lat"]) == pytest.approx(55 + 41 / 60 + 54.03 / 3600, abs=1e-12)
    assert float(fields["lon"]) == pytest.approx(13 + 11 / 60 + 42.52 / 3600, abs=1e-12)


@given(
    st.tuples(st.integers(0, 89), st.integers(0, 59), st.fractions(0, 59, max_denominator=10_000)),
    st.sampled_from("NS"),
)
def test_the_text_is_the_nearest_double(parts: tuple[int, int, Fraction], reference: str) -> None:
    degrees, minutes, seconds = parts
    rational = IFDRational(seconds.numerator, seconds.denominator)
    image = photograph(LUND | {1: reference, 2: (degrees, minutes, rational)})
    exact = degrees + Fraction(minutes, 60) + seconds / 3600
    assert exif_fields(image)["lat"] == repr(float(-exact if reference == "S" else exact))


def test_western_and_southern_hemispheres_are_negative() -> None:
    fields = exif_fields(photograph(LUND | {1: "S", 3: "W"}))
    assert fields["lat"].startswith("-55.")
    assert fields["lon"].startswith("-13.")


@pytest.mark.parametrize(
    "gps",
    [{}, {1: "N", 2: (55.0, 41.0, 0.0)}, {2: LUND[2], 4: LUND[4]}, LUND | {1: "X"}, {29: "x"}],
)
def test_no_position_without_both_values_and_both_hemispheres(gps: dict[int, Any]) -> None:
    fields = exif_fields(photograph(gps))
    assert "lat" not in fields
    assert "lon" not in fields


def test_zero_by_zero_is_nan() -> None:
    image = photograph(LUND | {2: (55, 41, IFDRational(123_457, 1009))})
    for order in "<>":
        image = image.replace(struct.pack(f"{order}II", 123_457, 1009), bytes(8))
    fields = exif_fields(image)
    assert math.isnan(float(fields["lat"]))
    assert fields["lon"] == repr(float(13 + Fraction(11, 60) + Fraction(4252, 360_000)))


def test_more_than_a_double_holds_is_nan() -> None:
    image = photograph(LUND)
    degrees = struct.pack(">IIII", 55, 1, 41, 1)
    # Three doubles instead of three fractions, in the place of the fractions.
    at = image.index(degrees)
    entry = image.index(struct.pack(">HHI", 2, 5, 3))
    damaged = bytearray(image)
    damaged[entry + 3] = 12
    damaged[at : at + 24] = struct.pack(">ddd", 1.797e308, 1.797e308, 1.797e308)
    assert exif_fields(bytes(damaged))["lat"] == "nan"


def test_absurd_degrees_are_kept_as_found() -> None:
    assert exif_fields(photograph(LUND | {2: (91.0, 200.0, 0.0)}))["lat"] == repr(91 + 200 / 60)


def test_times() -> None:
    local = {0x9003: "2024:05:01 12:30:00"}
    assert "captured_at" not in exif_fields(photograph(exif=local))
    assert json.loads(exif_fields(photograph(exif=local))["extra"]) == {
        "local_time": "2024-05-01T12:30:00"
    }
    offset = exif_fields(photograph(exif=local | {0x9011: "+02:00"}))
    assert offset["captured_at"] == "2024-05-01T12:30:00+02:00"
    stamps = {7: (10.0, 30.0, 5.0), 29: "2024:05:01"}
    assert exif_fields(photograph(stamps, local))["captured_at"] == "2024-05-01T10:30:05Z"
    assert "captured_at" not in exif_fields(photograph(exif={0x9003: "    :  :     :  :  "}))


def test_author_and_heading() -> None:
    fields = exif_fields(photograph(LUND | {17: 123.5}, tags={0x013B: "Åsa", 0x8298: "©"}))
    assert json.loads(fields["extra"]) == {"heading": "123.5"}
    assert fields["attribution"]


@given(st.data())
def test_damaged_exif_never_raises(data: st.DataObject) -> None:
    image = bytearray(photograph(LUND | {17: 1.0}, {0x9003: "2024:05:01 12:30:00"}))
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(st.integers(2, 300))] = data.draw(st.integers(0, 255))
    fields = exif_fields(bytes(image[: data.draw(st.integers(0, len(image)))]))
    assert all(isinstance(value, str) for value in fields.values())


def test_walk(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"\xff\xd8\xff")
    root = tmp_path / "root"
    for name in ("b.jpg", "trip/2.png", "trip/1.jpg", ".hidden/a.jpg", ".DS_Store", "notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"anything")
    (root / "unnamed").write_bytes(photograph())
    (root / "link.jpg").symlink_to(outside)
    found = {item.relative: item for item in walk(root)}
    assert list(found) == [
        "b.jpg",
        "link.jpg",
        "notes.txt",
        "unnamed",
        "trip/1.jpg",
        "trip/2.png",
    ]
    assert found["link.jpg"].problem == Problem.OUTSIDE
    assert [name for name, item in found.items() if not item.is_image] == ["notes.txt"]
    assert found["trip/1.jpg"].fields == {"group_id": "trip"}
    assert found["b.jpg"].fields == {"group_id": ""}
