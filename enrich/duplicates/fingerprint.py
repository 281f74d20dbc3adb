"""A picture's fingerprint: the perceptual hashes of its windows, from one small copy of it.

A hash is made of the signs of the 64 lowest frequencies against their median, as is the one of
`enrich.scores.quality`. Averaging a window to 32x32 and taking its lowest frequencies are
both linear, and separate into rows and columns: two small matrices do it for all windows at once.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from enrich.duplicates.windows import HEIGHT, WIDTH, WINDOWS, Window

Grey = npt.NDArray[np.uint8]
Small = npt.NDArray[np.float32]
"""(HEIGHT, WIDTH), grey, 0 to 255."""

NO_HASH = 0
"""In the place of a window that is too smooth: the hashes of clear skies are all alike."""
MIN_DETAIL = 3.0
"""Least root mean square, in grey levels, of the frequencies above the lowest 3x3."""
_SIDE, _LOW = 32, 8


def shrink(grey: npt.NDArray[np.uint8]) -> Small:
    """(h, w) pixels as (HEIGHT, WIDTH), averaged by area; the sides need not fit."""
    small = cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def fingerprint(small: Small) -> npt.NDArray[np.uint64]:
    """(len(WINDOWS),) hashes of a shrunk picture."""
    found = np.empty((len(WINDOWS), _LOW, _LOW), np.float32)
    for plan in _plans():
        turned = small
        if plan.turn:
            centre = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
            matrix = cv2.getRotationMatrix2D(centre, plan.turn, 1)
            warped = cv2.warpAffine(small, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
            turned = np.asarray(warped, dtype=np.float32)
        # (rows, 8, columns, 8): the frequencies of every combination of the intervals. Interval by
        # interval, because NumPy's library would start threads for the whole, and wait for them.
        every = (plan.rows.reshape(-1, _LOW, HEIGHT) @ turned @ plan.columns).reshape(
            -1, _LOW, plan.columns.shape[1] // _LOW, _LOW
        )
        found[plan.windows] = every[plan.row_of, :, plan.column_of]
    return _hashes(found)


def _hashes(frequencies: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    flat = frequencies.reshape(len(frequencies), _LOW * _LOW)
    # The first is the brightness, which says nothing about the scene.
    median = np.sort(flat[:, 1:], axis=1)[:, [_LOW * _LOW // 2 - 1]]
    hashes = np.packbits(flat > median, axis=1).view(">u8")[:, 0].astype(np.uint64)
    fine = frequencies.copy()
    fine[:, :3, :3] = 0
    detail = np.sqrt((fine**2).sum(axis=(1, 2))) / _SIDE
    hashes[detail < MIN_DETAIL] = NO_HASH
    return hashes


@dataclass(frozen=True, slots=True)
class _Plan:
    """All windows of one turn."""

    turn: float
    windows: list[int]
    rows: npt.NDArray[np.float32]
    """(intervals * 8, HEIGHT)"""
    columns: npt.NDArray[np.float32]
    """(WIDTH, intervals * 8)"""
    row_of: list[int]
    column_of: list[int]


@cache
def _plans() -> list[_Plan]:
    by_turn: dict[float, list[int]] = {}
    for number, window in enumerate(WINDOWS):
        by_turn.setdefault(window.turn, []).append(number)
    return [_plan(turn, numbers) for turn, numbers in by_turn.items()]


def _plan(turn: float, numbers: list[int]) -> _Plan:
    windows: list[Window] = [WINDOWS[number] for number in numbers]
    downs = sorted({(one.top, one.bottom) for one in windows})
    acrosses = sorted({(one.left, one.right) for one in windows})
    return _Plan(
        turn=turn,
        windows=numbers,
        rows=np.concatenate([_frequencies(HEIGHT, *down) for down in downs]),
        columns=np.concatenate([_frequencies(WIDTH, *across) for across in acrosses]).T,
        row_of=[downs.index((one.top, one.bottom)) for one in windows],
        column_of=[acrosses.index((one.left, one.right)) for one in windows],
    )


def _frequencies(pixels: int, low: float, high: float) -> npt.NDArray[np.float32]:
    """(8, pixels): the lowest cosine frequencies of the interval, averaged to 32 cells."""
    edges = np.linspace(low, high, _SIDE + 1) * pixels
    left, right = np.arange(pixels), np.arange(1, pixels + 1)
    covered = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
    average = np.clip(covered, 0, None)
    average /= average.sum(axis=1, keepdims=True)
    cells = np.arange(_SIDE)
    # The orthonormal cosine transform (DCT-II).
    cosines = np.cos(np.pi * (2 * cells + 1) * np.arange(_LOW)[:, None] / (2 * _SIDE))
    cosines *= np.sqrt(2 / _SIDE)
    cosines[0] /= np.sqrt(2)
    return np.asarray(cosines @ average, dtype=np.float32)
