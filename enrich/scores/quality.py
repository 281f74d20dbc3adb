"""Scores of a photograph at the working size.

Dark and empty pictures have a small variance in every colour channel; blurred ones have a small
variance of the Laplacian. The report filters by both. Sums are of integers and exact, so the
scores are the same on every machine.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels

_HASH_SIDE = 8
_TRANSFORM_SIDE = 32


@dataclass(frozen=True, slots=True)
class Scores:
    rgb_variance: float
    """The largest population variance of the three channels, of values 0 to 255."""
    laplacian_variance: float
    """Population variance of the Laplacian of the grey image, 4-neighbour kernel."""
    brightness: float
    """Mean of the grey image, 0 to 255."""
    contrast: float
    """RMS contrast: population standard deviation of the grey image, 0 to 127.5."""
    entropy: float
    """Shannon entropy of the 256-bin histogram of the grey image, 0 to 8 bits."""
    phash: int
    """64-bit perceptual hash as a signed integer."""


def score(pixels: Pixels) -> Scores:
    """Scores of (h, w, 3) BGR pixels. Grey is the rounded Rec. 601 luma."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    edges = cv2.Laplacian(grey, cv2.CV_16S, ksize=1)  # borders mirrored: dcb|abcd|cba
    return Scores(
        rgb_variance=max(map(_variance, cv2.split(pixels))),
        laplacian_variance=_variance(edges),
        brightness=cv2.sumElems(grey)[0] / grey.size,
        contrast=math.sqrt(_variance(grey)),
        entropy=_entropy(grey),
        phash=perceptual_hash(grey),
    )


def perceptual_hash(grey: npt.NDArray[np.uint8]) -> int:
    """Signs of the 64 lowest frequencies of the cosine transform against their median.

    The transform is of the image averaged to 32x32; near-equal pictures differ in few bits.
    """
    # First the width alone: OpenCV averages whole numbers of pixels several times as fast.
    narrow = cv2.resize(grey, (_TRANSFORM_SIDE, grey.shape[0]), interpolation=cv2.INTER_AREA)
    small = cv2.resize(narrow, (_TRANSFORM_SIDE, _TRANSFORM_SIDE), interpolation=cv2.INTER_AREA)
    low = np.asarray(cv2.dct(small.astype(np.float32)))[:_HASH_SIDE, :_HASH_SIDE].ravel()
    # The first frequency is the brightness, which says nothing about the scene.
    bits = low > np.sort(low[1:])[_HASH_SIDE**2 // 2 - 1]
    return int(np.packbits(bits).view(">i8")[0])


def _variance(values: cv2.typing.MatLike) -> float:
    """Population variance of one channel of integers, from their exact sums."""
    total = int(cv2.sumElems(values)[0])
    # OpenCV gives the square of a rounded root; what it should be is a whole number.
    squares = round(cv2.norm(values, cv2.NORM_L2SQR))
    return (values.size * squares - total * total) / values.size**2


def _entropy(grey: npt.NDArray[np.uint8]) -> float:
    counts = np.asarray(cv2.calcHist([grey], [0], None, [256], [0, 256]), np.float64)
    shares = counts[counts > 0] / grey.size
    # The last bits of a logarithm differ between processors; what is stored must not.
    return abs(round(float(shares @ np.log2(shares)), 9))
