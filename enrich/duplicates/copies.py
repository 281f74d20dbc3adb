"""Changed copies of a picture, and pictures that only look like copies: what the benchmark asks.

A copy is what a user would call the same picture. The strength of each change is drawn evenly from
the range that its function names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from enrich.images.decode import Pixels

Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True, slots=True)
class Made:
    """One picture of the benchmark."""

    kind: str
    pixels: Pixels
    copy: bool
    """False: it shows something else than the picture that it was made from."""
    quality: int = 92
    """Of the JPEG file that it becomes."""


def crop(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Keeps 90 to 100 % of the width and of the height, anywhere."""
    return _window(pixels, random.uniform(0.9, 1, 2), random.uniform(0, 1, 2))


def resize(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """To 40 to 150 % of each side."""
    return _scaled(pixels, random.uniform(0.4, 1.5))


def turn(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """By 0.5 to 3 degrees either way, cut to the largest rectangle of the same shape inside."""
    degrees = random.uniform(0.5, 3)
    high, wide = pixels.shape[:2]
    angle, longest = np.radians(degrees), max(wide / high, high / wide)
    share = 1 / (np.cos(angle) + longest * np.sin(angle)) - 3 / high  # less a mixed edge
    return _window(_turned(pixels, degrees, random), np.full(2, share), np.full(2, 0.5))


def turn_filled(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """By 0.5 to 3 degrees either way, with black corners."""
    return _turned(pixels, random.uniform(0.5, 3), random)


def brightness(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """All values times 0.8 to 1.2."""
    return _brighter(pixels, random.uniform(0.8, 1.2))


def caption(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A black bar with white text along the top or bottom, 5 to 10 % of the height."""
    changed = pixels.copy()
    high = pixels.shape[0]
    bar = int(high * random.uniform(0.05, 0.1))
    top = 0 if random.random() < 0.5 else high - bar
    changed[top : top + bar] = 0
    white = (255, 255, 255)
    cv2.putText(
        changed, "2026-11-22 17:10 CAM 1", (10, top + bar - bar // 4), 0, bar / 45, white, 2
    )
    return changed


def logo(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A box of one colour, 15 to 30 % of the width and of the height, anywhere."""
    changed = pixels.copy()
    high, wide = pixels.shape[:2]
    rows, columns = (random.uniform(0.15, 0.3, 2) * (high, wide)).astype(int)
    top, left = (random.uniform(0, 1, 2) * (high - rows, wide - columns)).astype(int)
    changed[top : top + rows, left : left + columns] = random.integers(0, 256, 3)
    return changed


def watermark(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """White text over two thirds of the width, at any height."""
    changed = pixels.copy()
    high, wide = pixels.shape[:2]
    place = (int(wide * random.uniform(0.02, 0.3)), int(high * random.uniform(0.15, 0.98)))
    cv2.putText(changed, "WATERMARK", place, 0, wide / 300, (255, 255, 255), max(2, wide // 160))
    return changed


def several(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """95 to 100 % of each side, times 0.9 to 1.1, to 50 to 80 % of the size."""
    part = _window(pixels, random.uniform(0.95, 1, 2), random.uniform(0, 1, 2))
    return _scaled(_brighter(part, random.uniform(0.9, 1.1)), random.uniform(0.5, 0.8))


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        crop,
        resize,
        turn,
        turn_filled,
        brightness,
        caption,
        logo,
        watermark,
        several,
    )
}


def copies(pixels: Pixels, random: np.random.Generator) -> Iterator[Made]:
    """The picture and one copy of every kind; `reencode` is JPEG at quality 30 to 90."""
    yield Made("original", pixels, copy=True)
    yield Made("reencode", pixels, copy=True, quality=int(random.integers(30, 91)))
    for name, change in CHANGES.items():
        yield Made(name, change(pixels, random), copy=True)


def near_misses(pixels: Pixels, random: np.random.Generator) -> Iterator[Made]:
    """Pictures that share much with it, and with each other, and are others all the same.

    Two windows beside each other that share 50 to 65 % of their width, as neighbouring headings
    do, and the middle 60 % of both sides. None shows more than 55 % of the picture.
    """
    share = 1 / (2 - random.uniform(0.5, 0.65))
    high = random.uniform(0, 1)
    for name, left in (("pan_left", 0.0), ("pan_right", 1.0)):
        yield Made(name, _window(pixels, np.full(2, share), np.array([left, high])), copy=False)
    middle = _window(pixels, np.full(2, 0.6), np.full(2, 0.5))
    yield Made("zoom", middle, copy=False)


def _window(
    pixels: Pixels,
    shares: np.ndarray[tuple[int], np.dtype[np.float64]],
    at: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Pixels:
    """A window with these shares of width and height; `at` 0 is left or top, 1 right or bottom."""
    high, wide = pixels.shape[:2]
    columns, rows = max(1, round(wide * shares[0])), max(1, round(high * shares[1]))
    left, top = round((wide - columns) * at[0]), round((high - rows) * at[1])
    return pixels[top : top + rows, left : left + columns]


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def _brighter(pixels: Pixels, factor: float) -> Pixels:
    return np.asarray(np.clip(pixels * np.float32(factor), 0, 255), np.uint8)


def _turned(pixels: Pixels, degrees: float, random: np.random.Generator) -> Pixels:
    high, wide = pixels.shape[:2]
    sign = 1 if random.random() < 0.5 else -1
    matrix = cv2.getRotationMatrix2D(((wide - 1) / 2, (high - 1) / 2), sign * degrees, 1)
    return np.asarray(cv2.warpAffine(pixels, matrix, (wide, high)), np.uint8)
