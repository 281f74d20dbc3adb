"""Laying one picture over another."""

import cv2
import numpy as np
import pytest

from enrich.duplicates.alignment import Alignment, align
from enrich.duplicates.fingerprint import Small
from enrich.duplicates.windows import HEIGHT, WHOLE, WIDTH, Window
from tests.enrich.duplicates.test_fingerprint import scene

START = WHOLE.matrix()


def shown(small: Small, window: Window) -> Small:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(small, window.matrix(), (WIDTH, HEIGHT), flags=flags))


def test_a_picture_agrees_with_itself() -> None:
    found = align(scene(), scene(), START)
    assert (found.agreement, found.overlap) == (1, 1)
    assert found.map == (1, 0, 0, 0, 1, 0)


def test_a_crop_agrees_and_overlaps_by_its_area() -> None:
    window = Window(0.04, 0.94, 0.1, 1)
    found = align(shown(scene(), window), scene(), Window(0.05, 0.97, 0.08, 1).matrix())
    assert found.agreement > 0.95
    assert found.overlap == pytest.approx(0.81, abs=0.01)
    assert found.map == pytest.approx(window.matrix().ravel(), abs=0.3)


def test_brightness_and_a_turn_do_not_matter() -> None:
    turned = shown(scene(1), Window(0.05, 0.95, 0.05, 0.95, turn=2)) * 0.7 + 20
    found = align(turned, scene(1), Window(0.05, 0.95, 0.05, 0.95, turn=1.5).matrix())
    assert found.agreement > 0.95
    assert found.overlap == pytest.approx(0.81, abs=0.01)


def test_a_box_costs_the_blocks_that_it_covers() -> None:
    covered = scene(2)
    covered[18:54, 40:80] = 255  # two by two of the forty blocks
    found = align(covered, scene(2), START)
    assert found.agreement == pytest.approx(0.9, abs=0.03)
    assert found.overlap == 1


def test_half_a_picture_beside_another_half_does_not_overlap_enough() -> None:
    left, right = Window(0, 0.7, 0, 1), Window(0.3, 1, 0, 1)
    start = np.array([[1, 0, 0.3 / 0.7 * WIDTH], [0, 1, 0]])
    found = align(shown(scene(4), right), shown(scene(4), left), start)
    assert found.agreement > 0.9
    assert found.overlap == pytest.approx(0.4 / 0.7, abs=0.02)


def test_other_pictures_do_not_agree() -> None:
    assert max(align(scene(n), scene(n + 1), START).agreement for n in range(20)) < 0.4


def test_nothing_is_said_of_pictures_without_texture() -> None:
    flat = np.full((HEIGHT, WIDTH), 100, np.float32)
    assert align(flat, flat, START).agreement == 0


def test_there_and_back() -> None:
    crop = Alignment(0.9, 0.81, tuple(Window(0.1, 1, 0.1, 1).matrix().ravel()))
    back = crop.followed_by(crop.turned_round())
    assert back.map == pytest.approx((1, 0, 0, 0, 1, 0))
    assert (back.agreement, back.overlap) == pytest.approx((0.81, 1))


def test_two_crops_overlap_by_both() -> None:
    left = Alignment(1, 0.9, tuple(Window(0, 0.9, 0, 1).matrix().ravel()))
    right = Alignment(1, 0.9, tuple(Window(0.1, 1, 0, 1).matrix().ravel()))
    assert left.followed_by(right.turned_round()).overlap == pytest.approx(0.8 / 0.9, abs=0.01)
