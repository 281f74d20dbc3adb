"""What is blurred cannot be read any more, nothing else is touched, and the row names it."""

import json
import math
from typing import Any

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.images.blur import blur, blurred_text
from enrich.images.decode import Pixels
from enrich.images.detect import Found
from enrich.images.resize import resize
from tests.enrich.samples import picture

SOFT = np.asarray(cv2.GaussianBlur(picture(5), (0, 0), 2), np.uint8)
BOXES = st.builds(
    Found,
    what=st.sampled_from(["face", "plate"]),
    x=st.floats(-200, 700),
    y=st.floats(-200, 500),
    width=st.floats(0, 400),
    height=st.floats(0, 400),
    score=st.floats(0.6, 1),
)


def test_only_the_box_and_its_margin_change() -> None:
    pixels = picture(1)
    before = pixels.copy()
    blurred = blur(pixels, [Found("face", 100, 80, 50, 100, 0.9)])
    changed = np.argwhere((blurred != pixels).any(axis=2))
    assert np.array_equal(pixels, before)
    # A fifth of 50 and of 100 more on each side.
    assert changed.min(axis=0).tolist() == [60, 90]
    assert changed.max(axis=0).tolist() == [199, 159]


def test_without_a_box_it_is_the_same_picture() -> None:
    pixels = picture(2)
    assert blur(pixels, []) is pixels


def test_two_faces_become_the_same_when_their_few_cells_are() -> None:
    """What differs within a cell is gone: blurring is no function of it any more."""
    random = np.random.default_rng(3)
    cells = random.integers(60, 190, (4, 4, 3))
    one, other = (
        np.clip(np.kron(cells, np.ones((32, 32, 1))) + noise, 0, 255).astype(np.uint8)
        for noise in (_balanced(random, 50), _balanced(random, 50))
    )
    assert np.abs(one.astype(int) - other).max() > 90
    box = [Found("face", 128 / 7, 128 / 7, 128 * 5 / 7, 128 * 5 / 7, 0.9)]
    difference = np.abs(blur(one, box).astype(int) - blur(other, box))
    assert difference.max() <= 1


def _balanced(random: np.random.Generator, size: int) -> Any:
    """Noise whose mean is zero in every 2x2 block, hence in every cell."""
    signs = random.choice([-1, 1], (64, 64))
    return np.kron(signs, np.array([[1, -1], [-1, 1]]))[..., None] * size


def test_fine_detail_is_gone() -> None:
    pixels = picture(4)
    blurred = blur(pixels, [Found("plate", 200, 100, 200, 60, 0.9)])
    inside = np.s_[100:160, 200:400]
    assert _sharpness(blurred[inside]) < _sharpness(pixels[inside]) / 1000


def _sharpness(pixels: Pixels) -> float:
    return float(np.var(np.asarray(cv2.Laplacian(cv2.cvtColor(pixels, 6), cv2.CV_64F))))


@settings(max_examples=60, deadline=None)
@given(found=st.lists(BOXES, max_size=4), width=st.integers(20, 320), height=st.integers(20, 180))
def test_the_row_covers_everything_that_changed(
    found: list[Found], width: int, height: int
) -> None:
    pixels = SOFT
    before, after = (resize(one, width, height) for one in (pixels, blur(pixels, found)))
    text = blurred_text(found, pixels.shape, width, height)
    boxes = json.loads(text)
    covered = np.zeros((height, width), bool)
    for box in boxes:
        assert set(box) == {"what", "x", "y", "width", "height", "score"}
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        assert 0 <= box["y"] < box["y"] + box["height"] <= height
        covered[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] = True
    assert not (before != after).any(axis=2)[~covered].any()
    assert blurred_text(found[::-1], pixels.shape, width, height) == text


def test_hand_computed_row() -> None:
    # 1000x600 cropped to 16:9 is 1000x563 (rounded from 562.5), 18 rows off the top.
    found = [Found("face", 100, 200, 100, 50, 0.98765), Found("plate", 0, 0, 10, 10, 0.7)]
    (box,) = json.loads(blurred_text(found, (600, 1000), 320, 180))
    top, bottom = 200 - 10 - 18, 200 + 50 + 10 - 18
    assert box == {
        "what": "face",
        "x": math.floor(80 * 0.32),
        "y": math.floor(top * 180 / 563),
        "width": math.ceil(220 * 0.32) - math.floor(80 * 0.32),
        "height": math.ceil(bottom * 180 / 563) - math.floor(top * 180 / 563),
        "score": 0.988,
    }
    assert blurred_text([], (600, 1000), 320, 180) == "[]"
