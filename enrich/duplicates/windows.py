"""The windows of a picture that are hashed, so that a changed copy meets one of them unchanged.

A crop of a picture looks as a whole like one window of it; a turned copy like a turned window; a
copy with a caption or a logo on it still has windows without it. So the hash of every window is
compared with one hash of other pictures: that of the whole, or that of the same window there.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 160, 90
"""Pictures are brought to this size, whatever their shape, before they are hashed or aligned."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture after it was turned: left to right and top to bottom, 0 to 1."""

    left: float
    right: float
    top: float
    bottom: float
    turn: float = 0.0
    """Degrees counter-clockwise, about the centre."""

    def matrix(self) -> Matrix:
        """(2, 3): from the pixels of the window, at WIDTH x HEIGHT, to those of the picture."""
        across, down = self.right - self.left, self.bottom - self.top
        # Pixel centres lie half a pixel inside.
        x = self.left * WIDTH + across / 2 - 0.5
        y = self.top * HEIGHT + down / 2 - 0.5
        window = np.array([[across, 0, x], [0, down, y], [0, 0, 1]])
        return np.asarray((_turn_back(self.turn) @ window)[:2], dtype=np.float64)


def _turn_back(degrees: float) -> Matrix:
    """(3, 3): from the pixels of the turned picture to those of the picture."""
    x, y = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array(
        [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]]
    )


WHOLE = Window(0, 1, 0, 1)
CENTRE = Window(0.1, 0.9, 0.1, 0.9)
REGIONS = (
    CENTRE,
    Window(0, 0.45, 0, 1),
    Window(0.55, 1, 0, 1),
    Window(0, 1, 0, 0.42),
    Window(0, 1, 0.58, 1),
)
"""Each is compared with the same region of other pictures."""


def _centred(share: float, turn: float = 0.0) -> Window:
    low, high = (1 - share) / 2, (1 + share) / 2
    return Window(low, high, low, high, turn)


def _corners_and_between(share: float) -> list[Window]:
    """Nine windows of this share of both sides."""
    places = [(1 - share) * step / 2 for step in range(3)]
    return [Window(x, x + share, y, y + share) for y in places for x in places]


CROPS = (
    _centred(0.97),
    *_corners_and_between(0.95),
    *_corners_and_between(0.92),
    # A picture that is turned and cut to what is left without corners.
    *(_centred(share, turn) for share, turn in ((0.95, 1.5), (0.95, -1.5), (0.91, 3), (0.91, -3))),
)
"""Each is compared with other pictures as a whole."""

TURNED_CENTRES = tuple(_centred(0.8, turn) for turn in (1.5, -1.5, 3, -3))
"""Each is compared with the centre of other pictures: turned, with the corners filled up."""

WINDOWS = (WHOLE, *REGIONS, *CROPS, *TURNED_CENTRES)
"""In the order of a fingerprint."""
