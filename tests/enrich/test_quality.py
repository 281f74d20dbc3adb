"""Scores computed by hand on tiny images, and what the perceptual hash must not see."""

import cv2
import numpy as np
import pytest

from enrich.quality import perceptual_hash, score
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
    assert scores.brightness == 128


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
