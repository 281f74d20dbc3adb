"""Hashes of windows: a changed copy meets one of them."""

import cv2
import numpy as np
import pytest

from enrich.duplicates.fingerprint import NO_HASH, Small, fingerprint, shrink
from enrich.duplicates.windows import (
    CROPS,
    HEIGHT,
    TURNED_CENTRES,
    WHOLE,
    WIDTH,
    WINDOWS,
    Window,
)
from enrich.scores.quality import perceptual_hash


def scene(seed: int = 0) -> Small:
    """Smooth shapes of several sizes."""
    random = np.random.default_rng(seed)
    picture = np.zeros((360, 640), np.float32)
    for cells in (3, 6, 12, 24):
        noise = random.normal(0, 40 / cells**0.5, (cells, 2 * cells)).astype(np.float32)
        picture += cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC)
    return shrink(np.clip(picture * 2 + 120, 0, 255).astype(np.uint8))


def bits_apart(one: np.uint64, other: np.uint64) -> int:
    return int(np.bitwise_count(one ^ other))


def test_the_whole_has_the_hash_of_the_rows() -> None:
    small = np.round(scene()).astype(np.uint8)
    expected = np.uint64(perceptual_hash(small) & (2**64 - 1))
    # The rows' hash is of averages that are rounded to whole grey levels.
    assert bits_apart(fingerprint(small.astype(np.float32))[0], expected) <= 2
    assert WINDOWS[0] is WHOLE


@pytest.mark.parametrize("window", [*CROPS, *TURNED_CENTRES])
def test_a_window_has_the_hash_of_the_picture_that_shows_it(window: Window) -> None:
    small = scene(3)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpAffine(small, window.matrix(), (WIDTH, HEIGHT), flags=flags)
    alone = fingerprint(np.asarray(shown, np.float32))[0]
    assert bits_apart(fingerprint(small)[WINDOWS.index(window)], alone) <= 4


def test_a_turn_is_counter_clockwise_about_the_centre() -> None:
    matrix = Window(0, 1, 0, 1, turn=90).matrix()
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1])
    assert matrix @ centre == pytest.approx(centre[:2])
    # What is above the centre after the turn was to its right before.
    assert matrix @ (centre - [0, 10, 0]) == pytest.approx(centre[:2] + np.array([10, 0]))


def test_another_picture_has_other_hashes() -> None:
    one, other = fingerprint(scene(1)), fingerprint(scene(2))
    assert min(map(bits_apart, one, other)) > 10


def test_brightness_and_contrast_change_nothing() -> None:
    small = scene(5)
    assert list(fingerprint(small)) == list(fingerprint(small * 0.8 + 10))


def test_clear_sky_has_no_hash() -> None:
    sky = np.repeat(np.linspace(180, 230, HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)
    assert set(fingerprint(sky)) == {NO_HASH}
    half = scene(1)
    half[: HEIGHT // 2] = sky[: HEIGHT // 2]
    hashes = dict(zip(WINDOWS, fingerprint(half), strict=True))
    assert hashes[Window(0, 1, 0, 0.42)] == NO_HASH
    assert hashes[Window(0, 1, 0.58, 1)] != NO_HASH
