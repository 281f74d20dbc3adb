"""Bytes to pixels, with every limit checked before a pixel is decoded.

A photograph that cannot be used comes back as a `Rejection`, never as an exception. Pixels are
8 bits, without transparency, which is dropped and not blended, and without colour management.
"""

from dataclasses import dataclass

from enrich.images.image import (
    MAX_BYTES,
    MAX_PIXELS,
    BadImageError,
    Header,
    ImageFile,
    Pixels,
    undecodable,
)
from enrich.images.jpeg import START as JPEG_START
from enrich.images.jpeg import open_jpeg
from enrich.images.orientation import upright
from enrich.images.pillow import open_with_pillow
from enrich.images.png import START as PNG_START
from enrich.images.png import open_png
from enrich.rejection import Rejection
from shards.schema import Reason

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Decoded",
    "Header",
    "Pixels",
    "decode",
    "oversized",
    "read_header",
]


_MAX_SIDE = 2**31 - 1
"""What the formats allow, and a row can hold."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photograph, or the reason why there is none. The header is None when unreadable."""

    header: Header | None
    pixels: Pixels | None
    """(height, width, 3) uint8, BGR, upright, perhaps already smaller than the file's size."""
    rejection: Rejection | None


def decode(data: bytes, width: int, height: int) -> Decoded:
    """Decodes a photograph that must cover the working size `width` x `height`.

    A JPEG may come smaller than it is, as long as it covers that size.
    """
    if problem := oversized(len(data)):
        return Decoded(None, None, problem)
    header = None
    try:
        file = _open(data)
        header = file.header
        _check_size(file, width, height)
        pixels = upright(file.pixels(width, height), header.orientation)
    except BadImageError as error:
        return Decoded(header, None, Rejection(error.reason, error.detail))
    if pixels.shape[0] < height or pixels.shape[1] < width:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        problem = Rejection(Reason.UNDECODABLE, f"decoded to {size}, less than its header says")
        return Decoded(header, None, problem)
    return Decoded(header, pixels, None)


def read_header(data: bytes) -> Header | Rejection:
    """Format, size and orientation, without decoding pixels."""
    if problem := oversized(len(data)):
        return problem
    try:
        return _open(data).header
    except BadImageError as error:
        return Rejection(error.reason, error.detail)


def oversized(size: int) -> Rejection | None:
    """The check that needs no more than the number of bytes."""
    if size <= MAX_BYTES:
        return None
    return Rejection(Reason.TOO_LARGE, f"{size} bytes, at most {MAX_BYTES}")


def _open(data: bytes) -> ImageFile:
    """Reads the header. Raises BadImageError."""
    if not data:
        raise undecodable("there are no image bytes")
    if data.startswith(JPEG_START):
        file: ImageFile = open_jpeg(data)
    elif data.startswith(PNG_START):
        file = open_png(data)
    else:
        file = open_with_pillow(data)
    if max(file.header.width, file.header.height) > _MAX_SIDE:
        raise undecodable(f"the {file.header.format} has a side of more than {_MAX_SIDE} pixels")
    return file


def _check_size(file: ImageFile, width: int, height: int) -> None:
    header = file.header
    size = f"{header.width}x{header.height}"
    if header.width * header.height > file.max_pixels:
        kind = f"a {header.format} like this" if file.max_pixels < MAX_PIXELS else "a photograph"
        detail = f"{size} pixels, {kind} may have {file.max_pixels} in all"
        raise BadImageError(Reason.TOO_LARGE, detail)
    # Both sides must cover the working size: otherwise the resize would have to invent pixels,
    # and the blur score of an enlarged photograph means nothing.
    if header.width < width or header.height < height:
        detail = f"{size} pixels, at least {width}x{height}"
        raise BadImageError(Reason.TOO_SMALL, detail)
