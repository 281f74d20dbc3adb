"""Makes faces and plates unreadable before anything is scored or stored, and says where they were.

A box, a fifth larger on every side, is averaged to at most four cells along its longer side, and
these are blended into each other. What they were averaged from cannot be computed back: a face of
any size is at most sixteen colours.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from enrich.images.decode import Pixels
from enrich.images.detect import Found
from enrich.images.resize import crop_box

_MARGIN = 0.2
_CELLS = 4
_PER_CELL = 8

Box = tuple[int, int, int, int]
"""left, top, right, bottom in whole pixels; right and bottom are outside."""


def blur(pixels: Pixels, found: Sequence[Found]) -> Pixels:
    """A copy in which no box can be read any more; the same picture when there is none."""
    if not found:
        return pixels
    blurred = pixels.copy()
    for one in found:
        left, top, right, bottom = _inside(_widened(one), pixels.shape[1], pixels.shape[0])
        if left < right and top < bottom:
            blurred[top:bottom, left:right] = _smeared(blurred[top:bottom, left:right])
    return blurred


def blurred_text(found: Sequence[Found], shape: tuple[int, ...], width: int, height: int) -> str:
    """The column `blurred`: what was blurred in a picture of `shape` (rows, columns), in pixels of
    the `width` x `height` that are stored of it. What lies outside of them is left out."""
    left, top, columns, rows = crop_box(shape[1], shape[0], width, height)
    across, down = width / columns, height / rows
    boxes: list[dict[str, Any]] = []
    for one in found:
        x0, y0, x1, y1 = _inside(_widened(one), shape[1], shape[0])
        x0, x1 = math.floor((x0 - left) * across), math.ceil((x1 - left) * across)
        y0, y1 = math.floor((y0 - top) * down), math.ceil((y1 - top) * down)
        x0, y0, x1, y1 = _inside((x0, y0, x1, y1), width, height)
        if x0 < x1 and y0 < y1:
            box = {"what": one.what, "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
            boxes.append(box | {"score": round(float(one.score), 3)})
    boxes.sort(key=lambda box: list(box.values()))
    return json.dumps(boxes, separators=(",", ":"))


def _widened(one: Found) -> Box:
    """The box with its margin, in whole pixels outwards."""
    more_x, more_y = one.width * _MARGIN, one.height * _MARGIN
    return (
        math.floor(one.x - more_x),
        math.floor(one.y - more_y),
        math.ceil(one.x + one.width + more_x),
        math.ceil(one.y + one.height + more_y),
    )


def _inside(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _smeared(region: Pixels) -> Pixels:
    rows, columns = region.shape[:2]
    cell = max(rows, columns) / _CELLS
    across, down = max(1, round(columns / cell)), max(1, round(rows / cell))
    few = cv2.resize(region, (across, down), interpolation=cv2.INTER_AREA)
    # Blended at a few pixels per cell, which costs the same for a face of any size.
    size = (across * _PER_CELL, down * _PER_CELL)
    blocks = cv2.resize(few, size, interpolation=cv2.INTER_NEAREST)
    smooth = cv2.GaussianBlur(blocks, (0, 0), _PER_CELL / 2)
    return np.asarray(cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_LINEAR))
