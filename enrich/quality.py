"""Scores of a photograph at the working size.

Dark and empty pictures have a small variance in every colour channel; blurred ones have a small
variance of the Laplacian. The report filters by both.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from enrich.decode import Pixels

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
    phash: int
    """64-bit perceptual hash as a signed integer."""


def score(pixels: Pixels) -> Scores:
    """Scores of (h, w, 3) BGR pixels. Grey is the rounded Rec. 601 luma."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    deviations = cv2.meanStdDev(pixels)[1]
    edges = cv2.Laplacian(grey, cv2.CV_16S, ksize=1)  # borders mirrored: dcb|abcd|cba
    return Scores(
        rgb_variance=float(np.max(deviations) ** 2),
        laplacian_variance=float(cv2.meanStdDev(edges)[1].item() ** 2),
        brightness=float(cv2.mean(grey)[0]),
        phash=perceptual_hash(grey),
    )


def perceptual_hash(grey: npt.NDArray[np.uint8]) -> int:
    """Signs of the 64 lowest frequencies of the cosine transform against their median.

    The transform is of the image averaged to 32x32; near-equal pictures differ in few bits.
    """
    small = cv2.resize(grey, (_TRANSFORM_SIDE, _TRANSFORM_SIDE), interpolation=cv2.INTER_AREA)
    low = np.asarray(cv2.dct(small.astype(np.float32)))[:_HASH_SIDE, :_HASH_SIDE].ravel()
    # The first frequency is the brightness, which says nothing about the scene.
    bits = low > np.sort(low[1:])[_HASH_SIDE**2 // 2 - 1]
    return int(np.packbits(bits).view(">i8")[0])
