import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import AugmentConfig
from training.data.augment import augment, colour_matrix, cut, draw_crop, generator
from training.data.images import fit

STRONG = AugmentConfig(min_area=0.05, aspect=2.0, rotation_degrees=45)
PICTURE = np.random.default_rng(0).integers(100, 200, (180, 320, 3), dtype=np.uint8)


@given(st.integers(0, 10**6), st.integers(16, 640), st.integers(16, 640))
def test_every_crop_lies_in_the_frame(number: int, columns: int, rows: int) -> None:
    crop = draw_crop(generator(0, number, "k"), columns, rows, 16 / 9, STRONG)
    x, y = crop.corners().T
    assert x.min() >= -1e-6
    assert x.max() <= columns + 1e-6
    assert y.min() >= -1e-6
    assert y.max() <= rows + 1e-6


def test_wide_crops_are_really_drawn_from_wide_frames() -> None:
    crops = [draw_crop(generator(0, n, "k"), 320, 180, 16 / 9, STRONG) for n in range(300)]
    areas = np.array([crop.width * crop.height for crop in crops]) / (320 * 180)
    assert areas.min() < 0.1
    assert areas.max() > 0.6
    assert len({round(crop.x) for crop in crops}) > 50


@pytest.mark.parametrize("number", range(40))
def test_no_black_corners(number: int) -> None:
    plain = AugmentConfig(
        min_area=0.1, aspect=1.5, rotation_degrees=45, brightness=0, contrast=0, saturation=0
    )
    view = augment(PICTURE, 160, 90, plain, generator(3, number, "k"))
    assert view.shape == (90, 160, 3)
    assert view.min() >= 100


def test_the_same_draw_gives_the_same_picture() -> None:
    def view(seed: int, epoch: int, key: str) -> bytes:
        options = AugmentConfig()
        return augment(PICTURE, 160, 90, options, generator(seed, epoch, key)).tobytes()

    assert view(1, 2, "a") == view(1, 2, "a")
    assert len({view(1, 2, "a"), view(2, 2, "a"), view(1, 3, "a"), view(1, 2, "b")}) == 4


def test_no_change_is_the_plain_view() -> None:
    options = AugmentConfig(
        min_area=1, aspect=1, rotation_degrees=0, brightness=0, contrast=0, saturation=0
    )
    view = augment(PICTURE, 160, 90, options, generator(0, 0, "k"))
    assert np.array_equal(view, fit(PICTURE, 160, 90))


def test_rotation_turns_about_the_crops_centre() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, 48:52] = 255
    crop = draw_crop(
        generator(0, 0, "k"), 100, 100, 1.0, AugmentConfig(min_area=0.25, rotation_degrees=0)
    )
    turned = cut(picture, type(crop)(50, 50, 40, 40, 90), 40, 40)
    assert turned[18:22].min() > 200
    assert turned[:15].max() == 0


def test_left_stays_left() -> None:
    """Never a mirror image: traffic would change its side."""
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, :40] = 255
    for number in range(50):
        view = augment(picture, 160, 90, AugmentConfig(), generator(0, number, "k"))
        assert view[:, :80].mean() >= view[:, 80:].mean()


def test_colours_change_within_their_limits() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    options = AugmentConfig(brightness=0.2, contrast=0.5, saturation=0.5)
    values = set()
    for number in range(100):
        matrix = colour_matrix(generator(0, number, "k"), np.full(3, 100.0), options)
        changed = cv2.transform(grey, matrix)
        # A plain grey picture has no contrast and no saturation to lose.
        assert np.ptp(changed) <= 1
        values.add(int(changed[0, 0, 0]))
    assert min(values) >= 80
    assert max(values) <= 120
    assert len(values) > 20
