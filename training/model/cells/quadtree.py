"""Squares on the sphere: a cube's faces, cut into four again and again (as in S2, PlaNet).

A square's name is its face (0 to 5) and one digit (0 to 3) for each level: the first is the half of
the face along one axis, times two, plus the half along the other. Faces are bent onto the sphere
by S2's quadratic projection, which keeps the areas of a level within a factor of 2.1.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.geometry import Floats, unit_vectors

Ints = NDArray[np.int64]


def square_codes(positions: Floats, level: int) -> Ints:
    """(n,) the number of the level's square that holds each of (n, 2) positions; -1 for NaN.

    A square's four parts have the numbers 4·code to 4·code + 3.
    """
    known = np.asarray(np.isfinite(positions).all(axis=1))
    vectors = unit_vectors(*np.where(known[:, None], positions, 0.0).T)
    axis = np.abs(vectors).argmax(axis=1)
    rows = np.arange(len(vectors))
    front = vectors[rows, axis]
    code = (axis + 3 * (front < 0)).astype(np.int64)
    sides = []
    for step in (1, 2):
        u = vectors[rows, (axis + step) % 3] / np.abs(front)
        s = np.where(u >= 0, np.sqrt(1 + 3 * np.abs(u)) / 2, 1 - np.sqrt(1 + 3 * np.abs(u)) / 2)
        sides.append(np.clip((s * 2**level).astype(np.int64), 0, 2**level - 1))
    for bit in range(level - 1, -1, -1):
        code = 4 * code + 2 * (sides[0] >> bit & 1) + (sides[1] >> bit & 1)
    return np.where(known, code, -1)


def name_of(code: int, level: int) -> str:
    """The name of a level's square, from its number."""
    digits = [str(code >> 2 * bit & 3) for bit in range(level - 1, -1, -1)]
    return str(code >> 2 * level) + "".join(digits)


def code_of(name: str) -> tuple[int, int]:
    """The number and the level of a square, from its name."""
    code = int(name[0])
    for digit in name[1:]:
        code = 4 * code + int(digit)
    return code, len(name) - 1


def leaves(codes: Ints, level: int, most: int) -> Iterator[tuple[str, slice]]:
    """Cuts squares until none has more than `most` of the points: names and their points.

    `codes`: ascending numbers of the points' squares at the deepest `level`. In the order of codes.
    """
    waiting = [(face, 0) for face in range(5, -1, -1)]
    while waiting:
        code, depth = waiting.pop()
        below = level - depth
        start, end = np.searchsorted(codes, [code << 2 * below, (code + 1) << 2 * below])
        if start == end:
            continue
        if end - start > most and depth < level:
            waiting.extend((4 * code + part, depth + 1) for part in (3, 2, 1, 0))
        else:
            yield name_of(code, depth), slice(int(start), int(end))
