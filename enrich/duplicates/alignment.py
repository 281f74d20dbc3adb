"""The second look at two pictures whose hashes are near: are they one view, and how much of it?

One picture is laid over the other by an affine map, refined by maximising the enhanced correlation
coefficient (Evangelidis and Psarakis, 2008; OpenCV's `findTransformECC`), which brightness and
contrast do not change. Then small blocks are compared one by one, so that a caption or a logo costs
the blocks that it covers and no more.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from enrich.duplicates.fingerprint import Small
from enrich.duplicates.windows import HEIGHT, WIDTH, Matrix

_BLOCK = (9, 10)
"""Rows and columns of a block: 10 x 16 of them."""
_AGREES = 0.7
"""Least correlation of a block."""
_NOISE = 9.0
"""Variance that compression and resizing may add, in grey levels squared."""
_TEXTURE = 25.0
"""A block with less variance than this in both pictures says nothing."""
_MIN_BLOCKS = 24
"""With fewer blocks that say something nothing is confirmed."""
_ENOUGH = 0.9
"""Agreement beyond which a map needs no refinement."""
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 25, 1e-4)
_SMOOTHING = 5
_INSIDE = np.full((HEIGHT, WIDTH), 255, np.uint8)


Map = tuple[float, ...]
"""The six numbers of a (2, 3) matrix, row by row: from pixels of one picture to another's."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well two pictures agree where both show something."""

    agreement: float
    """Share of the blocks with texture that correlate, 0 to 1."""
    overlap: float
    """Share of the picture that shows more which the other one shows too, 0 to 1."""
    map: Map
    """From pixels of the part to those of the whole."""

    def turned_round(self) -> "Alignment":
        """The same of the whole in the part."""
        back = np.linalg.inv(_square(self.map))
        return Alignment(self.agreement, self.overlap, _numbers(back))

    def followed_by(self, other: "Alignment") -> "Alignment":
        """Of the first picture in the last one, where the one between was not looked at again.

        Agreements multiply, so that a long chain of weak ones is worth nothing; the overlap is that
        of the two ends.
        """
        both = _square(other.map) @ _square(self.map)
        shown = _shown(both[:2])
        return Alignment(
            self.agreement * other.agreement, _overlap(shown, both[:2]), _numbers(both)
        )


def align(part: Small, whole: Small, start: Matrix) -> Alignment:
    """Compares two shrunk pictures, `part` lying in `whole` at about the map `start`.

    `start` is (2, 3) and leads from pixels of `part` to pixels of `whole`.
    """
    first = _compare(part, whole, start)
    if first.agreement >= _ENOUGH:
        return first
    try:
        _, refined = cv2.findTransformECC(
            part, whole, start.astype(np.float32), cv2.MOTION_AFFINE, _STEPS, _INSIDE, _SMOOTHING
        )
    except cv2.error:  # it does not converge: there is nothing in common
        return first
    second = _compare(part, whole, np.asarray(refined, dtype=np.float64))
    return max(first, second, key=lambda one: one.agreement)


def _compare(part: Small, whole: Small, matrix: Matrix) -> Alignment:
    size, backwards = (WIDTH, HEIGHT), cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(whole, matrix, size, flags=cv2.INTER_LINEAR | backwards)
    shown = _shown(matrix)
    overlap = _overlap(shown, matrix)
    both = _blocks(shown).min(axis=1) > 0
    one, other = _blocks(part)[both], _blocks(np.asarray(laid, dtype=np.float32))[both]
    one = one - one.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    spread_one, spread_other = (one**2).mean(axis=1), (other**2).mean(axis=1)
    textured = np.maximum(spread_one, spread_other) > _TEXTURE
    if textured.sum() < _MIN_BLOCKS:
        return Alignment(0.0, overlap, _numbers(matrix))
    correlation = (one * other).mean(axis=1)
    correlation /= np.sqrt((spread_one + _NOISE) * (spread_other + _NOISE))
    agreement = float((correlation[textured] >= _AGREES).mean())
    return Alignment(agreement, overlap, _numbers(matrix))


def _shown(matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Not 0 where a pixel of the part lies inside the whole."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(_INSIDE, matrix, (WIDTH, HEIGHT), flags=flags), np.uint8)


def _overlap(shown: npt.NDArray[np.uint8], matrix: Matrix) -> float:
    covered = np.count_nonzero(shown) / shown.size
    area = covered * abs(float(np.linalg.det(matrix[:, :2])))
    return min(covered, area, 1.0)


def _square(map_: Map) -> Matrix:
    return np.array([map_[:3], map_[3:], (0, 0, 1)], dtype=np.float64)


def _numbers(matrix: npt.NDArray[np.floating]) -> Map:
    return tuple(float(number) for number in matrix[:2].ravel())


def _blocks(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(160, 90): the pixels of each block."""
    rows, columns = _BLOCK
    cut = picture.reshape(HEIGHT // rows, rows, WIDTH // columns, columns)
    return cut.swapaxes(1, 2).reshape(-1, rows * columns)
