"""To the working size: the centre crop with the target's aspect, averaged by area."""

import cv2
import numpy as np

from enrich.images.decode import Pixels


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` (h, w, 3) that cover the target, as (height, width, 3). Nothing is stretched."""
    cropped = centre_crop(pixels, width, height)
    if cropped.shape[:2] == (height, width):
        return np.ascontiguousarray(cropped)
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA))


def centre_crop(pixels: Pixels, width: int, height: int) -> Pixels:
    """The largest centred part with the aspect width:height, to the nearest pixel, never empty."""
    rows, columns = pixels.shape[:2]
    left, top, across, down = crop_box(columns, rows, width, height)
    return pixels[top : top + down, left : left + across]


def crop_box(columns: int, rows: int, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, columns, rows) of that part."""
    if columns * height > rows * width:
        keep = max(1, (2 * rows * width + height) // (2 * height))  # rounded, in whole numbers
        return (columns - keep) // 2, 0, keep, rows
    keep = max(1, (2 * columns * height + width) // (2 * width))
    return 0, (rows - keep) // 2, columns, keep
