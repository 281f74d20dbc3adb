"""Bytes to pixels, with every limit checked before a pixel is decoded.

A photograph that cannot be used comes back as a `Rejection`, never as an exception.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from enrich.complete import truncation
from enrich.rejection import Rejection
from shards.schema import Reason

Pixels = npt.NDArray[np.uint8]

MAX_BYTES = 64 << 20
MAX_PIXELS = 150_000_000
_ORIENTATION_TAG = 0x0112
_SCALED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)

# Pillow opens by name only what it has loaded, and its builds differ in what they can load.
Image.init()
FORMATS = tuple(
    name for name in ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "BMP") if name in Image.OPEN
)

# MAX_PIXELS is this module's own check; Pillow's warning would be a second voice on stderr.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says about itself."""

    format: str
    width: int
    """As displayed, that is after the EXIF orientation."""
    height: int
    orientation: int
    """EXIF orientation, 1 to 8."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photograph, or the reason why there is none. The header is None when unreadable."""

    header: Header | None
    pixels: Pixels | None
    """(height, width, 3) uint8, BGR, upright, perhaps already smaller than the file's size."""
    rejection: Rejection | None


def decode(data: bytes, width: int, height: int) -> Decoded:
    """Decodes a photograph that must cover the working size `width` x `height`.

    JPEGs are decoded at the smallest of the scales 1/8, 1/4, 1/2 and 1 that still covers it: the
    decoder then skips most of the inverse transform, and the scores stay within about 0.3 %.
    """
    if problem := _before_header(data):
        return Decoded(None, None, problem)
    header = read_header(data)
    if isinstance(header, Rejection):
        return Decoded(None, None, header)
    if problem := _before_pixels(header, width, height):
        return Decoded(header, None, problem)
    pixels = _pixels(data, header, width, height)
    if pixels is None:
        message = f"the {header.format} decoder cannot read it"
        return Decoded(header, None, Rejection(Reason.UNDECODABLE, message))
    return Decoded(header, upright(pixels, header.orientation), None)


def oversized(size: int) -> Rejection | None:
    """The check that needs no more than the number of bytes."""
    if size <= MAX_BYTES:
        return None
    return Rejection(Reason.TOO_LARGE, f"{size} bytes, at most {MAX_BYTES}")


def read_header(data: bytes) -> Header | Rejection:
    """Format, size and orientation, without decoding pixels."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            orientation = _orientation(image)
            file_width, file_height = image.size
            name = image.format or "image"
    except Image.DecompressionBombError as error:
        return Rejection(Reason.TOO_LARGE, str(error))
    except Exception as error:  # hostile headers raise nearly anything inside the parser
        return Rejection(Reason.UNDECODABLE, f"no readable header: {type(error).__name__}")
    if orientation >= 5:
        file_width, file_height = file_height, file_width
    return Header(name, file_width, file_height, orientation)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undoes an EXIF orientation (Exif 2.32, tag 0x0112)."""
    turned: Any = pixels
    if orientation in (2, 4, 5, 7):
        turned = cv2.flip(turned, 1)
    # What is left after the mirror is a rotation, named here by how it is undone.
    turn = {
        3: cv2.ROTATE_180,
        4: cv2.ROTATE_180,
        5: cv2.ROTATE_90_COUNTERCLOCKWISE,
        6: cv2.ROTATE_90_CLOCKWISE,
        7: cv2.ROTATE_90_CLOCKWISE,
        8: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }.get(orientation)
    return np.asarray(turned if turn is None else cv2.rotate(turned, turn))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 when there is none or it makes no sense."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode all pixels to look behind them
    value = image.getexif().get(_ORIENTATION_TAG)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _before_header(data: bytes) -> Rejection | None:
    if not data:
        return Rejection(Reason.UNDECODABLE, "there are no image bytes")
    if problem := oversized(len(data)):
        return problem
    if problem_text := truncation(data):
        return Rejection(Reason.TRUNCATED, problem_text)
    return None


def _before_pixels(header: Header, width: int, height: int) -> Rejection | None:
    size = f"{header.width}x{header.height}"
    if header.width * header.height > MAX_PIXELS:
        return Rejection(Reason.TOO_LARGE, f"{size} pixels, at most {MAX_PIXELS} in all")
    # Both sides must cover the working size: otherwise the resize would have to invent pixels,
    # and the blur score of an enlarged photograph means nothing.
    if header.width < width or header.height < height:
        return Rejection(Reason.TOO_SMALL, f"{size} pixels, at least {width}x{height}")
    return None


def _pixels(data: bytes, header: Header, width: int, height: int) -> Pixels | None:
    flags = cv2.IMREAD_COLOR
    if header.format in ("JPEG", "MPO"):
        for scale, scaled_flags in _SCALED:
            if header.width // scale >= width and header.height // scale >= height:
                flags = scaled_flags
                break
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, dtype=np.uint8)
