"""Scores computed by hand on tiny images, and what the perceptual hash must not see."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.images.decode import Pixels
from enrich.scores.quality import perceptual_hash, score
from tests.enrich.samples import picture


def test_variance_is_that_of_the_strongest_channel() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0] = (4, 0, 0)  # blue: mean 1, variance (9 + 1 + 1 + 1) / 4 = 3
    pixels[:, 1, 2] = 10  # red: mean 5, variance 25
    assert score(pixels).rgb_variance == pytest.approx(25)
    assert score(pixels[:, :, ::-1]).rgb_variance == pytest.approx(25)


def test_variance_of_the_laplacian_by_hand() -> None:
    # A grey dot of 10 in a 5x5 field: -40 in the middle, +10 at its four neighbours, 0 elsewhere.
    pixels = np.zeros((5, 5, 3), np.uint8)
    pixels[2, 2] = 10
    values = np.array([-40, 10, 10, 10, 10] + [0] * 20)
    assert score(pixels).laplacian_variance == pytest.approx(values.var())
    assert score(pixels).brightness == pytest.approx(10 / 25)


def test_the_border_is_mirrored_about_its_outermost_pixels() -> None:
    # Columns 0, 10, 20: the ends see their inner neighbour twice, so +20, 0, -20 in each row.
    pixels = np.repeat(np.array([[[0], [10], [20]]] * 3, np.uint8), 3, axis=2)
    values = np.array([20, 0, -20] * 3)
    assert score(pixels).laplacian_variance == pytest.approx(values.var())


def test_flat_pictures_have_no_variance() -> None:
    scores = score(np.full((180, 320, 3), 128, np.uint8))
    assert (scores.rgb_variance, scores.laplacian_variance) == (0, 0)
    assert (scores.brightness, scores.contrast, scores.entropy) == (128, 0, 0)


def test_contrast_and_entropy_by_hand() -> None:
    # Half black, a quarter 40, a quarter 80: 1/2 bit + 2/4 + 2/4; mean 30, variance 1100.
    grey = np.array([[0, 0, 40, 80]] * 3, np.uint8)
    scores = score(np.repeat(grey[:, :, None], 3, axis=2))
    assert scores.entropy == 1.5
    assert (scores.brightness, scores.contrast) == (30, 1100**0.5)
    every_grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert score(np.repeat(every_grey, 3, axis=2)).entropy == 8


def by_definition(pixels: Pixels) -> dict[str, float]:
    """The scores as the formulas say them, in float64."""
    # OpenCV's grey: Rec. 601 in 15 bits, rounded.
    grey = (pixels @ np.array([3735, 19235, 9798]) + (1 << 14)) >> 15
    around = np.pad(grey, 1, mode="reflect")
    laplacian = (
        around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:] - 4 * grey
    )
    shares = np.bincount(grey.ravel()) / grey.size
    shares = shares[shares > 0]
    return {
        "rgb_variance": pixels.reshape(-1, 3).astype(np.float64).var(axis=0).max(),
        "laplacian_variance": laplacian.astype(np.float64).var(),
        "brightness": grey.mean(),
        "contrast": grey.astype(np.float64).std(),
        "entropy": -np.sum(shares * np.log2(shares)),
    }


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    low=st.integers(0, 255),
    high=st.integers(0, 255),
    seed=st.integers(0, 2**32 - 1),
)
def test_scores_are_those_of_the_formulas(
    height: int, width: int, low: int, high: int, seed: int
) -> None:
    low, high = sorted((low, high))
    random = np.random.default_rng(seed)
    pixels = random.integers(low, high + 1, (height, width, 3), dtype=np.uint8)
    scores = score(pixels)
    for name, expected in by_definition(pixels).items():
        assert getattr(scores, name) == pytest.approx(expected, rel=1e-12, abs=1e-9), name


@pytest.mark.parametrize("size", [(180, 320), (2048, 2048)])
def test_scores_of_large_and_extreme_pictures(size: tuple[int, int]) -> None:
    board = (np.indices(size).sum(axis=0) % 2 * 255).astype(np.uint8)
    scores = score(np.repeat(board[:, :, None], 3, axis=2))
    assert scores.rgb_variance == 127.5**2
    assert scores.laplacian_variance == 1020**2
    assert (scores.contrast, scores.entropy) == (127.5, 1)


def bits_apart(a: np.ndarray, b: np.ndarray) -> int:
    return ((perceptual_hash(a) ^ perceptual_hash(b)) & (2**64 - 1)).bit_count()


def test_the_hash_sees_the_scene_and_not_the_encoding() -> None:
    scenes = [cv2.cvtColor(picture(seed, 320, 180), cv2.COLOR_BGR2GRAY) for seed in range(6)]
    smooth = [np.asarray(cv2.GaussianBlur(scene, (0, 0), 12), np.uint8) for scene in scenes]
    for number, scene in enumerate(smooth):
        assert -(2**63) <= perceptual_hash(scene) < 2**63
        again = cv2.imdecode(cv2.imencode(".jpg", scene, [1, 60])[1], cv2.IMREAD_GRAYSCALE)
        brighter = np.asarray(np.clip(scene.astype(int) + 15, 0, 255), np.uint8)
        half = np.asarray(cv2.resize(scene, (160, 90), interpolation=cv2.INTER_AREA), np.uint8)
        assert max(bits_apart(scene, other) for other in (np.asarray(again), brighter, half)) <= 8
        assert all(bits_apart(scene, other) > 12 for other in smooth[number + 1 :])
