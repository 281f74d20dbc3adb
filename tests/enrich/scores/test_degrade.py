"""Each way to spoil a picture, by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from enrich.scores.degrade import Degradation, blur, darken, degradations, dusk, flatten
from enrich.scores.quality import score
from enrich.scores.separation import SCORES
from tests.enrich.samples import picture


def test_darker_flatter_and_dusk_by_hand() -> None:
    pixels = np.array([[[0, 100, 255], [200, 100, 51]]], np.uint8)
    assert darken(pixels, 1 / 4).tolist() == [[[0, 25, 64], [50, 25, 13]]]
    assert flatten(pixels, 1 / 2).tolist() == [[[50, 100, 204], [150, 100, 102]]]
    assert dusk(pixels, 2).tolist() == [[[0, 39, 255], [157, 39, 10]]]


def test_blur_turns_an_edge_into_the_normal_distribution() -> None:
    edge = np.zeros((9, 40, 3), np.uint8)
    edge[:, 20:] = 255
    expected = [255 * NormalDist(0, 1.5).cdf(x - 19.5) for x in range(40)]
    assert blur(edge, 1.5)[4, :, 0] == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("way", list(degradations()), ids=lambda way: way.name)
def test_what_should_see_it_falls(way: Degradation) -> None:
    pixels = picture(0, 320, 180)
    before, after = score(pixels), score(way(pixels))
    assert set(way.seen_by) <= set(SCORES)
    for name in way.seen_by:
        assert getattr(after, name) < getattr(before, name)
