import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.drawing import street
from training.data.augment import (
    Draws,
    _with_torch,
    augment_batch,
    canvas_size,
    colour_maps,
    crop_matrices,
    draw,
    no_change,
)
from training.data.counter import key_hashes
from training.data_config import AugmentConfig

STILL = AugmentConfig(
    min_area=1, aspect=1, rotation_degrees=0, brightness=0, contrast=0, saturation=0, hue=0
)
HASHES = key_hashes([f"photo-{n}" for n in range(300)])
CORNERS = np.array([[x, y, 1] for x in (-0.5, 0.5) for y in (-0.5, 0.5)])


def _crops(options: AugmentConfig, columns: int, rows: int, aspect: float) -> np.ndarray:
    """(n, 4, 2) the corners of crops in pixels of the canvas."""
    matrices = crop_matrices(draw(HASHES, options, 0, 0), columns, rows, aspect)
    return np.einsum("nij,cj->nci", matrices, CORNERS)


def _noise(columns: int, rows: int, images: int = 8) -> torch.Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(100, 200, (images, rows, columns, 3), dtype=np.uint8))


@given(st.integers(16, 640), st.integers(16, 640), st.floats(0.3, 3), st.floats(0.05, 1))
def test_every_crop_lies_in_the_frame(columns: int, rows: int, aspect: float, area: float) -> None:
    options = AugmentConfig(min_area=area, aspect=2.0, rotation_degrees=45)
    corners = _crops(options, columns, rows, aspect)
    assert corners.min() >= -1e-6
    assert (corners.max(axis=(0, 1)) <= np.array([columns, rows]) + 1e-6).all()


def test_crops_have_their_area_and_their_aspect() -> None:
    """Small crops always fit: nothing falls back to one fixed crop, however wide the frame."""
    options = AugmentConfig(min_area=0.1, aspect=1.3, rotation_degrees=10)
    corners = _crops(options, 320, 180, 16 / 9)
    width = np.linalg.norm(corners[:, 2] - corners[:, 0], axis=1)
    height = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    ratio = width / height / (16 / 9)
    assert 1 / 1.3 - 1e-9 <= ratio.min() < 0.8
    assert 1.25 < ratio.max() <= 1.3 + 1e-9
    wanted = draw(HASHES, options, 0, 0)
    small = wanted[:, 0] < 0.5
    assert np.allclose((width * height / (320 * 180))[small], wanted[small, 0])
    down = corners[:, 2] - corners[:, 0]
    assert np.allclose(np.degrees(np.arctan2(down[:, 1], down[:, 0])), wanted[:, 2])
    assert len(np.unique(corners[:, 0], axis=0)) == len(HASHES)


@pytest.mark.parametrize("sample", [augment_batch, "torch"])
def test_no_black_corners(sample: object) -> None:
    options = STILL.model_copy(update={"min_area": 0.1, "aspect": 1.5, "rotation_degrees": 45.0})
    canvases = _noise(320, 180, 40)
    draws = draw(HASHES[:40], options, 3, 0)
    view = (_torch if sample == "torch" else augment_batch)(canvases, draws, 160, 90)
    assert view.shape == (40, 90, 160, 3)
    assert view.min() >= 100


def test_both_implementations_give_the_same_pixels() -> None:
    canvases = torch.from_numpy(np.stack([street(n, 320, 180) for n in range(24)]))
    draws = draw(HASHES[:24], AugmentConfig(), 1, 4)
    for width, height in ((160, 90), (320, 180), (224, 224)):
        one, other = (
            augment_batch(canvases, draws, width, height),
            _torch(canvases, draws, width, height),
        )
        apart = (one.int() - other.int()).abs()
        assert apart.max() <= 2
        assert apart.float().mean() < 0.1


def test_an_image_does_not_depend_on_its_batch() -> None:
    canvases, draws = _noise(96, 54), draw(HASHES[:8], AugmentConfig(), 0, 0)
    together = augment_batch(canvases, draws, 48, 27)
    for row in range(8):
        alone = augment_batch(canvases[row : row + 1], draws[row : row + 1], 48, 27)
        assert torch.equal(alone[0], together[row])


def test_draws_follow_seed_epoch_and_key() -> None:
    options = AugmentConfig()
    assert np.array_equal(draw(HASHES, options, 1, 2), draw(HASHES, options, 1, 2))
    for other in (draw(HASHES, options, 2, 2), draw(HASHES, options, 1, 3)):
        assert not np.isclose(draw(HASHES, options, 1, 2), other)[:, :9].any(axis=1).all()
    assert len(np.unique(draw(HASHES, options, 1, 2), axis=0)) == len(HASHES)
    once = AugmentConfig(once=True)
    assert np.array_equal(draw(HASHES, once, 1, 0), draw(HASHES, once, 1, 7))


def test_draws_stay_in_their_ranges() -> None:
    options = AugmentConfig(
        min_area=0.4, aspect=1.5, rotation_degrees=10, brightness=0.1, contrast=0.2, saturation=0.3,
        hue=0.05,
    )  # fmt: skip
    drawn, defects = np.split(draw(HASHES, options, 0, 0), [9], axis=1)
    assert not defects.any()
    low = [0.4, 1 / 1.5, -10, -0.5, -0.5, 0.9, 0.8, 0.7, -0.05]
    high = [1, 1.5, 10, 0.5, 0.5, 1.1, 1.2, 1.3, 0.05]
    spread = np.array(high) - low
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert (drawn.min(axis=0) < low + spread / 20).all()
    assert (drawn.max(axis=0) > high - spread / 20).all()


def test_no_change_halves_by_area() -> None:
    canvas = street(1, 320, 180)
    half = augment_batch(torch.from_numpy(canvas[None]), no_change(1), 160, 90)[0].numpy()
    area = cv2.resize(canvas, (160, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(half.astype(int) - area).max() <= 1
    same = augment_batch(torch.from_numpy(canvas[None]), no_change(1), 320, 180)[0].numpy()
    assert np.array_equal(same, canvas)


def test_a_much_smaller_input_sees_every_pixel_of_the_canvas() -> None:
    """As in the first epochs of a run whose pictures grow."""
    canvas = street(1, 320, 180)
    small = augment_batch(torch.from_numpy(canvas[None]), no_change(1), 40, 22)[0].numpy()
    area = cv2.resize(canvas, (40, 22), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - area).mean() < 3


def test_rotation_turns_about_the_crops_centre() -> None:
    canvas = np.zeros((1, 100, 100, 3), np.uint8)
    canvas[:, :, 48:52] = 255
    draws = no_change(1)
    draws[0, :3] = 0.16, 1, 90
    turned = augment_batch(torch.from_numpy(canvas), draws, 40, 40)[0].numpy()
    assert turned[18:22].min() > 200
    assert turned[:15].max() == 0


def test_a_turn_to_the_right_shows_the_frame_turned_to_the_left() -> None:
    canvas = np.zeros((1, 100, 100, 3), np.uint8)
    canvas[:, :, 50:] = 255
    draws = no_change(1)
    draws[0, :3] = 0.25, 1, 10
    view = augment_batch(torch.from_numpy(canvas), draws, 50, 50)[0].numpy()
    # The crop's upper edge lies to the right of its lower one, so more of it is white.
    assert view[2, :, 0].mean() > view[47, :, 0].mean() + 20


def test_left_stays_left() -> None:
    """Never a mirror image: traffic would change its side."""
    canvases = np.zeros((50, 90, 160, 3), np.uint8)
    canvases[:, :, :40] = 255
    draws = draw(HASHES[:50], AugmentConfig(), 0, 0)
    views = augment_batch(torch.from_numpy(canvases), draws, 160, 90).float()
    assert (views[:, :, :80].mean(dim=(1, 2, 3)) >= views[:, :, 80:].mean(dim=(1, 2, 3))).all()


def _colour(rgb: tuple[int, int, int], **factors: float) -> list[float]:
    """What becomes of a colour in an image whose mean luma is 100."""
    draws = no_change(1)
    for name, value in factors.items():
        draws[0, ["brightness", "contrast", "saturation", "hue"].index(name) + 5] = value
    maps, lifts = colour_maps(draws)
    return (maps[0] @ rgb + lifts[0] * 100).round(3).tolist()


def test_colours_by_hand() -> None:
    assert _colour((100, 50, 200)) == [100, 50, 200]
    assert _colour((100, 50, 200), brightness=1.2) == [120, 60, 240]
    assert _colour((100, 50, 200), contrast=0.5) == [100, 75, 150]
    assert _colour((100, 50, 200), contrast=0.5, brightness=2) == [200, 150, 300]
    luma = 0.299 * 100 + 0.587 * 50 + 0.114 * 200
    assert _colour((100, 50, 200), saturation=0) == pytest.approx([luma] * 3, abs=1e-3)
    assert _colour((80, 80, 80), hue=0.3, saturation=1.4) == pytest.approx([80] * 3, abs=0.01)
    assert _colour((100, 50, 200), hue=1) == pytest.approx([100, 50, 200], abs=1e-3)
    # A third of the circle makes green or blue out of red, and keeps its luma.
    third = np.array(_colour((200, 40, 40), hue=1 / 3))
    assert third.argmax() != 0
    assert third @ [0.299, 0.587, 0.114] == pytest.approx(0.299 * 200 + 0.701 * 40, abs=0.01)


def test_contrast_is_about_the_mean_of_what_is_seen() -> None:
    canvases = torch.from_numpy(np.stack([street(n, 64, 36) for n in range(4)]))
    draws = no_change(4)
    draws[:, 6] = 0
    for view in augment_batch(canvases, draws, 64, 36).numpy():
        assert np.ptp(view) <= 1


def test_the_canvas_keeps_the_detail_of_the_smallest_crop() -> None:
    quarter = AugmentConfig(min_area=0.25)
    assert canvas_size(160, 90, None, (1280, 720)) == (160, 90)
    assert canvas_size(160, 90, quarter, (1280, 720)) == (320, 180)
    assert canvas_size(160, 90, quarter, (0, 0)) == (320, 180)
    assert canvas_size(160, 90, quarter, (240, 135)) == (240, 135)
    assert canvas_size(160, 90, quarter, (100, 50)) == (160, 90)
    assert canvas_size(100, 100, AugmentConfig(min_area=1), (1280, 720)) == (141, 141)
    # Half of the frame at most is seen by the network, so nothing finer is ever of use.
    assert canvas_size(160, 90, AugmentConfig(min_area=0.01), (1280, 720)) == (320, 180)


def _torch(canvases: torch.Tensor, draws: Draws, width: int, height: int) -> torch.Tensor:
    """The GPU's way, on the CPU."""
    crops = crop_matrices(draws, canvases.shape[2], canvases.shape[1], width / height)
    return _with_torch(canvases, crops, *colour_maps(draws), width, height)


def test_the_original_crops_have_one_place_and_the_wrong_shape() -> None:
    options = STILL.model_copy(update={"min_area": 0.3, "aspect": 1.3, "fixed_crop": True})
    crops = _crops(options, 320, 180, 16 / 9)
    # The middle, as high as the frame and 4:3: 240 of 320 columns.
    assert np.allclose(crops, [[40, 0], [40, 180], [280, 0], [280, 180]])


@pytest.mark.parametrize("way", ["opencv", "torch"])
def test_the_original_shows_black_beyond_the_frame(way: str) -> None:
    options = STILL.model_copy(update={"rotation_degrees": 10, "black_corners": True})
    draws = draw(HASHES[:8], options, 0, 0)
    white = torch.full((8, 90, 160, 3), 255, dtype=torch.uint8)
    if way == "opencv":
        changed = augment_batch(white, draws, 160, 90)
    else:
        crops = crop_matrices(draws, 160, 90, 16 / 9)
        changed = _with_torch(white, crops, *colour_maps(draws), 160, 90, black=True)
    degrees = np.abs(draws[:, 2])
    assert degrees.max() > 5
    black = (changed == 0).all(dim=3).float().mean(dim=(1, 2)).numpy()
    # More black, the further it is turned; none is left out.
    assert np.array_equal(np.argsort(black), np.argsort(degrees))
    assert black[degrees > 3].min() > 0.01
    assert (changed[:, 30:60, 60:100] == 255).all()


def test_the_original_draws_once() -> None:
    once = AugmentConfig(once=True)
    assert np.array_equal(draw(HASHES, once, 0, 0), draw(HASHES, once, 0, 7))
    assert not np.array_equal(draw(HASHES, once, 0, 0), draw(HASHES, once, 1, 0))
