"""The centre crop keeps the aspect, and the area average is an average."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.images.resize import centre_crop, resize

sides = st.integers(1, 60)


@given(sides, sides, sides, sides)
def test_the_crop_is_centred_and_has_the_aspect(rows: int, columns: int, w: int, h: int) -> None:
    grid = np.zeros((rows, columns, 3), np.uint8)
    grid[..., 0] = np.arange(rows)[:, None]
    grid[..., 1] = np.arange(columns)[None, :]
    cropped = centre_crop(grid, w, h)
    kept_rows, kept_columns = cropped.shape[:2]
    assert kept_rows == rows or kept_columns == columns
    # A side that would round to nothing is one pixel instead.
    if min(kept_rows, kept_columns) > 1:
        assert abs(kept_columns * h - kept_rows * w) <= max(w, h) / 2 + 1e-9
    top, left = cropped[0, 0, :2].astype(int)
    assert 0 <= (rows - kept_rows) - 2 * top <= 1
    assert 0 <= (columns - kept_columns) - 2 * left <= 1


def test_area_average_by_hand() -> None:
    pixels = np.array([[[0, 0, 0], [4, 8, 12]], [[8, 8, 8], [0, 0, 0]]], np.uint8)
    assert resize(pixels, 1, 1)[0, 0].tolist() == [3, 4, 5]


@pytest.mark.parametrize("shape", [(180, 320), (360, 640), (720, 720), (2000, 321), (181, 3000)])
def test_the_target_size_always(shape: tuple[int, int]) -> None:
    out = resize(np.full((*shape, 3), 77, np.uint8), 320, 180)
    assert out.shape == (180, 320, 3)
    assert (out == 77).all()
