"""The map is right where it can be measured: a dot lies where its sample does."""

import io
from itertools import product

import numpy as np
from PIL import Image

from shards.world.picture import CELL, WIDTH, world_picture
from shards.world.projection import ASPECT, project

Pixels = np.ndarray


def _pixels(picture: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA")).astype(int)


def test_dots_lie_where_their_samples_do() -> None:
    empty = _pixels(world_picture([]))
    assert empty.shape == (round(WIDTH / ASPECT), WIDTH, 4)
    for lat, lon in product((-60.0, 0.0, 55.7), (-150.0, 0.0, 13.2)):
        difference = np.abs(_pixels(world_picture([(lat, lon, 1)])) - empty).sum(axis=2)
        # The palette, too, depends on what is drawn, by little.
        changed = np.argwhere(difference > 100)
        x, y = project(lat, lon, WIDTH)
        assert np.abs(changed.mean(axis=0) - (y, x)).max() <= CELL


def test_many_samples_are_darker_and_not_hidden() -> None:
    picture = _pixels(world_picture([(0.0, 0.0, 1000), (0.0, 0.2, 1), (30.0, 30.0, 1)]))
    x, y = project(0.0, 0.0, WIDTH)
    many = picture[int(y), int(x)]
    x, y = project(30.0, 30.0, WIDTH)
    few = picture[int(y), int(x)]
    assert many[:3].sum() < few[:3].sum()


def test_the_order_of_samples_and_their_grouping_do_not_matter() -> None:
    places = [(55.7, 13.2, 2), (48.8, 2.3, 1), (-12.0, -77.0, 1)]
    other = [(-12.0, -77.0, 1), (55.7, 13.2, 1), (48.8, 2.3, 1), (55.7, 13.2, 1)]
    assert world_picture(places) == world_picture(other)


def test_around_the_globe_it_is_transparent() -> None:
    picture = _pixels(world_picture([]))
    assert picture[0, 0, 3] == 0
    assert picture[picture.shape[0] // 2, WIDTH // 2, 3] == 255
