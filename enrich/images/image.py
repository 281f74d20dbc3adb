"""What the readers of the single formats share: pixels, headers, limits, and how they say no."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shards.schema import Reason

Pixels = npt.NDArray[np.uint8]

MAX_BYTES = 64 << 20
MAX_PIXELS = 150_000_000
MAX_WHOLE_PIXELS = 50_000_000
"""Of a file that can only be decoded in one piece, at full size: about half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says about itself."""

    format: str
    """Pillow's name: JPEG, MPO, PNG, WEBP, TIFF, AVIF or BMP."""
    width: int
    """As displayed, that is after the EXIF orientation."""
    height: int
    orientation: int
    """EXIF orientation, 1 to 8."""


class ImageFile(Protocol):
    """A file whose header has been read, and whose pixels may be."""

    @property
    def header(self) -> Header: ...

    @property
    def max_pixels(self) -> int:
        """How many it may have for `pixels` to be called."""
        ...

    def pixels(self, width: int, height: int) -> Pixels:
        """(h, w, 3) uint8, BGR, as stored in the file: not yet turned upright.

        A decoder may give a smaller picture as long as it covers `width` x `height` as displayed.
        Raises BadImageError for a file that is not whole and sound.
        """
        ...


class BadImageError(Exception):
    """A file that gives no photograph, or only a part of one."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def truncated(detail: str) -> BadImageError:
    return BadImageError(Reason.TRUNCATED, detail)


def undecodable(detail: str) -> BadImageError:
    return BadImageError(Reason.UNDECODABLE, detail)


def decoder_error(message: str) -> BadImageError:
    """What a decoder complains of: missing data, or damage of another kind."""
    words = message.lower()
    return (
        truncated(message) if "premature" in words or "truncated" in words else undecodable(message)
    )


def displayed(format_name: str, width: int, height: int, orientation: int) -> Header:
    """The header of a file that stores `width` x `height` pixels."""
    if orientation >= 5:  # these four exchange rows and columns
        width, height = height, width
    return Header(format_name, width, height, orientation)
