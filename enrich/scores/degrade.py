"""Pictures made worse on purpose, to measure which score notices what.

All of it happens to the pixels at the working size, without another encoding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to spoil a photograph, at one strength."""

    kind: str
    strength: float
    unit: str
    """What the strength is."""
    seen_by: tuple[str, ...]
    """The scores of `enrich.scores.quality` that must fall."""
    apply: Callable[[Pixels, float], Pixels]

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.unit} {self.strength:g}"

    def __call__(self, pixels: Pixels) -> Pixels:
        """A worse copy of (h, w, 3) BGR pixels."""
        return self.apply(pixels, self.strength)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur with the standard deviation `sigma` in pixels, borders mirrored."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def darken(pixels: Pixels, gain: float) -> Pixels:
    """Every stored value times `gain`: a camera in a tunnel, or behind a dark pane."""
    return _rounded(pixels * gain)


def dusk(pixels: Pixels, gamma: float) -> Pixels:
    """v = 255 (v / 255)^gamma: shadows go black first, and lights stay lights."""
    return _rounded(255 * (pixels / 255) ** gamma)


def flatten(pixels: Pixels, share: float) -> Pixels:
    """Only `share` of each value's distance from its channel's mean is left, as in fog."""
    mean = pixels.mean(axis=(0, 1))
    return _rounded(mean + share * (pixels - mean))


def _rounded(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


_KINDS = (
    ("blurred", "sigma", (1, 2, 4), ("laplacian_variance",), blur),
    (
        "darkened",
        "gain",
        (1 / 2, 1 / 4, 1 / 8),
        ("rgb_variance", "brightness", "contrast", "entropy"),
        darken,
    ),
    ("dusk", "gamma", (2, 3, 4), ("brightness",), dusk),
    (
        "flat",
        "contrast",
        (1 / 2, 1 / 4, 1 / 8),
        ("rgb_variance", "contrast", "entropy"),
        flatten,
    ),
)


def degradations() -> Iterator[Degradation]:
    """All kinds, each from weak to strong."""
    for kind, unit, strengths, seen_by, function in _KINDS:
        for strength in strengths:
            yield Degradation(kind, strength, unit, seen_by, function)
