"""Every pixel of every view is where the gnomonic projection says, whatever the panorama's pose."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.images.decode import Header, Pixels, decode
from enrich.images.panorama import (
    Lens,
    Panorama,
    panorama_claim,
    read_panorama,
    render,
    shrink,
    view_angles,
)
from enrich.images.resize import resize
from enrich.rejection import Rejection
from shards.schema import Reason
from tests.enrich.images.panoramas import expected_view, gpano_jpeg, sphere
from tests.enrich.samples import encoded, jpeg, picture

SMALL = Lens(64, 36, 90.0)
PLAIN = jpeg(0, 64, 32)
HEADER = Header("JPEG", 4000, 2000, 1)


def view(pixels: Pixels, panorama: Panorama, lens: Lens, angle: float) -> Pixels | None:
    """One view at the lens's own size."""
    large = render(shrink(pixels, panorama, lens), panorama, lens, angle)
    return None if large is None else resize(large, lens.width, lens.height)


def farthest(found: Pixels | None, expected: object) -> float:
    assert found is not None
    return float(np.abs(found.astype(float) - np.asarray(expected)).max())


@pytest.mark.parametrize(
    ("width", "height", "fov", "columns"),
    [
        (64, 36, 90.0, 1024),  # more than needed: it is averaged
        (64, 36, 90.0, 403),  # just enough
        (36, 64, 60.0, 1024),
        (48, 48, 120.0, 2048),
        (160, 90, 30.0, 2048),
    ],
)
def test_every_pixel_of_every_view(width: int, height: int, fov: float, columns: int) -> None:
    lens, heading = Lens(width, height, fov), 33.0
    pixels = sphere(columns, heading)
    for angle, compass in view_angles(5, heading):
        assert compass is not None
        found = view(pixels, Panorama(heading), lens, angle)
        assert farthest(found, expected_view(width, height, fov, compass)) <= 2


def test_hand_computed_directions() -> None:
    """Centre column of N, E, S, W on a panorama whose centre looks east."""
    pixels, panorama = sphere(1024, heading=90.0), Panorama(heading=90.0)
    assert view_angles(4, 90.0) == [(270.0, 0.0), (0.0, 90.0), (90.0, 180.0), (180.0, 270.0)]
    seen = [view(pixels, panorama, SMALL, angle) for angle, _ in view_angles(4, 90.0)]
    # East, up, north of the centre: 127.5 ± 120.
    for found, (east, north) in zip(seen, [(0, 1), (1, 0), (0, -1), (-1, 0)], strict=True):
        assert found is not None
        centre = found[17:19, 31:33].reshape(4, 3).mean(axis=0)
        assert centre == pytest.approx([127.5 + 120 * east, 127.5, 127.5 + 120 * north], abs=1.5)


def test_views_of_an_unknown_heading_count_from_the_centre() -> None:
    assert view_angles(3, None) == [(0.0, None), (120.0, None), (240.0, None)]
    found = view(sphere(1024, heading=70.0), Panorama(), SMALL, 120.0)
    assert farthest(found, expected_view(64, 36, 90.0, 190.0)) <= 2


@settings(max_examples=25, deadline=None)
@given(
    heading=st.floats(0, 359.99),
    pitch=st.floats(-90, 90),
    roll=st.floats(-180, 180),
    fov=st.floats(20, 115),
    number=st.integers(0, 3),
)
def test_tilted_panoramas_give_level_views(
    heading: float, pitch: float, roll: float, fov: float, number: int
) -> None:
    lens = Lens(64, 36, fov)
    pixels = sphere(lens.sphere_width, heading, pitch, roll)
    angle, compass = view_angles(4, heading)[number]
    assert compass is not None
    found = view(pixels, Panorama(heading, pitch, roll), lens, angle)
    assert farthest(found, expected_view(64, 36, fov, compass)) <= 3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), columns=st.integers(0, 1005), angle=st.floats(0, 360))
def test_rotating_the_panorama_rotates_its_views(seed: int, columns: int, angle: float) -> None:
    # Sharp edges everywhere, so that the seam would be seen.
    pixels = picture(seed, 1006, 503)
    lens = Lens(160, 90, 90.0)
    before = view(pixels, Panorama(), lens, angle)
    turned = view(np.roll(pixels, columns, axis=1), Panorama(), lens, angle + columns * 360 / 1006)
    assert farthest(turned, before) <= 9  # 255 / 32: remap's steps


@pytest.mark.parametrize("angle", [150.0, 179.9, 180.0, 207.1])
def test_the_seam_does_not_show(angle: float) -> None:
    """The view across the seam is that of the same panorama with its seam elsewhere."""
    pixels = picture(5, 1006, 503)
    lens = Lens(160, 90, 90.0)
    assert lens.needed(Panorama()) == (1006, 503)
    across = view(pixels, Panorama(), lens, angle)
    inside = view(np.roll(pixels, 503, axis=1), Panorama(), lens, angle - 180)
    assert farthest(across, inside) <= 9


def test_nothing_is_aliased() -> None:
    """Stripes too fine for the view become grey; a point sample would show them."""
    stripes = np.zeros((2000, 4000, 3), np.uint8)
    stripes[:, ::2] = 255
    found = view(stripes, Panorama(), Lens(64, 36, 90.0), 77.0)
    assert found is not None
    assert found.std() < 2
    assert abs(found.mean() - 127.5) < 2


def test_what_the_panorama_resolves_is_not_lost() -> None:
    """At the needed resolution a pixel of the view's edge still has a column of its own."""
    lens = Lens(64, 36, 90.0)
    columns = lens.sphere_width
    stripes = np.zeros((columns // 2, columns, 3), np.uint8)
    stripes[:, (np.arange(columns) // 2) % 2 == 0] = 255
    found = view(stripes, Panorama(), lens, 0.0)
    assert found is not None
    assert np.ptp(found[18, :6, 0].astype(int)) > 150


def test_needed_resolution_is_that_of_the_edge() -> None:
    # f = 160; at 45 degrees 320 pixels per radian; times two pi.
    lens = Lens(320, 180, 90.0)
    assert (lens.sphere_width, lens.oversampling) == (2011, 2)
    assert lens.needed(Panorama(width=0.5, height=0.25)) == (1006, 251)
    enough, less = (encoded(picture(0, width, 1005)) for width in (2011, 2010))
    assert decode(enough, *lens.needed(Panorama())).rejection is None
    rejection = decode(less, *lens.needed(Panorama())).rejection
    assert rejection is not None
    assert rejection.reason is Reason.TOO_SMALL


@settings(max_examples=20, deadline=None)
@given(left=st.floats(0, 0.5), top=st.floats(0, 0.4), angle=st.floats(0, 360))
def test_a_part_of_the_sphere_shows_the_same_or_nothing(
    left: float, top: float, angle: float
) -> None:
    whole = sphere(1024)
    x, y = int(left * 1024), int(top * 512)
    columns, rows = 1024 - x - 100, 512 - y - 60
    part = Panorama(left=x / 1024, top=y / 512, width=columns / 1024, height=rows / 512)
    found = view(whole[y : y + rows, x : x + columns], part, SMALL, angle)
    if found is not None:
        assert farthest(found, expected_view(64, 36, 90.0, angle)) <= 3
    # What is asked for spans 45 degrees on either side, and 29.4 degrees above and below.
    first, last = 360 * x / 1024 - 180, 360 * (x + columns) / 1024 - 180
    high, low = 90 - 180 * y / 512, 90 - 180 * (y + rows) / 512
    middle = (angle + 180) % 360 - 180
    spare = min(middle - 45 - first, last - middle - 45, high - 29.4, -29.4 - low)
    assert abs(spare) < 1 or (found is not None) == (spare > 0)


def test_a_whole_ring_without_sky_and_ground() -> None:
    """A phone's panorama: all round, 90 degrees high. It goes across the seam."""
    pixels = sphere(1024)[128:384]
    values = {
        "FullPanoWidthPixels": 8192,
        "FullPanoHeightPixels": 4096,
        "CroppedAreaImageWidthPixels": 8192,
        "CroppedAreaImageHeightPixels": 2048,
        "CroppedAreaLeftPixels": 0,
        "CroppedAreaTopPixels": 1024,
    }
    claim = panorama_claim(gpano_jpeg(PLAIN, **values), "{}")
    assert claim is not None
    panorama = read_panorama(claim, "{}", Header("JPEG", 1024, 256, 1))
    assert panorama == Panorama(top=0.25, height=0.5)
    found = view(pixels, panorama, SMALL, 180.0)
    assert farthest(found, expected_view(64, 36, 90.0, 180.0)) <= 2


def test_who_says_that_it_is_a_panorama() -> None:
    assert panorama_claim(PLAIN, "{}") is None
    assert panorama_claim(PLAIN, '{"is_panorama":false}') is None
    assert panorama_claim(PLAIN, '{"is_panorama":"no"}') is None
    assert panorama_claim(PLAIN, '{"is_panorama":" True"}') == {}
    assert panorama_claim(PLAIN, '{"is_panorama":true') is None
    assert panorama_claim(PLAIN, '{"is_panorama":true}') == {}
    assert panorama_claim(gpano_jpeg(PLAIN, ProjectionType="cylindrical"), "{}") is None
    assert panorama_claim(gpano_jpeg(PLAIN), "{}") == {"ProjectionType": "equirectangular"}


def test_the_pose() -> None:
    claim = panorama_claim(
        gpano_jpeg(PLAIN, PoseHeadingDegrees=370, PosePitchDegrees="-3.5", PoseRollDegrees="1"),
        "{}",
    )
    assert claim is not None
    assert read_panorama(claim, "{}", HEADER) == Panorama(10.0, -3.5, 1.0)
    assert read_panorama(claim, json.dumps({"heading": 77.5}), HEADER) == Panorama(77.5, -3.5, 1.0)


@pytest.mark.parametrize("text", ["nan", "inf", "1e308", "", "12,5", "1" * 400, "1000"])
def test_an_absurd_pitch_is_no_pitch(text: str) -> None:
    assert read_panorama({"PosePitchDegrees": text}, "{}", HEADER) == Panorama()


@pytest.mark.parametrize(
    ("width", "height", "claim"),
    [
        (4000, 1000, {}),  # how high the strip is, nobody says
        (1280, 720, {}),
        (2000, 1000, {"CroppedAreaImageWidthPixels": "3000", "CroppedAreaLeftPixels": "1500"}),
        (3000, 1000, {}),  # cut after the properties were written
        (1000, 2000, {"FullPanoWidthPixels": "2000", "FullPanoHeightPixels": "4000"}),
        (2000, 1000, {"CroppedAreaTopPixels": "-5"}),
    ],
)
def test_what_cannot_be_placed_on_the_sphere(
    width: int, height: int, claim: dict[str, str]
) -> None:
    whole = {
        "FullPanoWidthPixels": "4000",
        "FullPanoHeightPixels": "2000",
        "CroppedAreaImageWidthPixels": "4000",
        "CroppedAreaImageHeightPixels": "2000",
        "CroppedAreaLeftPixels": "0",
        "CroppedAreaTopPixels": "0",
    }
    if claim or width == 3000:
        claim = whole | claim
    found = read_panorama(claim, "{}", Header("JPEG", width, height, 1))
    assert isinstance(found, Rejection)
    assert found.reason is Reason.UNDECODABLE
    assert f"{width}x{height}" in found.detail


def test_a_panorama_as_jpeg_keeps_its_colours() -> None:
    """From bytes to view, through the scaled decode that the working size allows."""
    data = encoded(sphere(4096, heading=200.0))
    decoded = decode(data, *SMALL.needed(Panorama()))
    assert decoded.pixels is not None
    assert decoded.pixels.shape[1] == 512
    found = view(decoded.pixels, Panorama(200.0), SMALL, 160.0)
    assert farthest(found, expected_view(64, 36, 90.0, 0.0)) <= 6
    assert cv2.PSNR(found, expected_view(64, 36, 90.0, 0.0).astype(np.uint8)) > 40
