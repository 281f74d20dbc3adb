"""TIFF: whether the strips or tiles of the first page are sound.

Its decoder, libtiff, fills what a damaged strip lacks and says so on stderr only, and does not
look at the checksums of deflated strips. So those and JPEG strips are looked at here, before.
"""

import struct
import zlib
from collections.abc import Iterator

import simplejpeg
from PIL import TiffImagePlugin

from enrich.images.image import decoder_error, truncated, undecodable
from enrich.images.inflate import inflated_length

_COMPRESSION, _JPEG_TABLES = 259, 347  # TIFF 6.0, and Technical Note 2 of its supplement
_OFFSETS, _BYTE_COUNTS = (273, 324), (279, 325)  # of strips and of tiles
_UNCOMPRESSED, _OLD_JPEG, _JPEG = 1, 6, 7
_DEFLATE = (8, 32946)
_JPEG_END = 2  # bytes of the end marker behind the tables, and of the start marker of a strip
_ENTRY_BYTES = 12
_MAX_PIXEL_BYTES = 8  # four samples of 16 bits
_MAX_PADDING = 1 << 24  # tiles reach over the edges


def missing_directory(data: bytes) -> bool:
    """True for a TIFF file that ends before or inside the list of its tags (TIFF 6.0, 2)."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return False
    if len(data) < 8:
        return True
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    if start + 2 > len(data):
        return True
    count = struct.unpack_from(f"{order}H", data, start)[0]
    return bool(start + 2 + count * _ENTRY_BYTES > len(data))


def check_strips(image: TiffImagePlugin.TiffImageFile, data: bytes) -> None:
    """Raises BadImageError for damage that the decoder would pass over."""
    tags = image.tag_v2
    compression = tags.get(_COMPRESSION, _UNCOMPRESSED)
    if compression == _UNCOMPRESSED:
        return
    if compression == _OLD_JPEG:
        raise undecodable("JPEG in TIFF in the old style, which was never defined well")
    strips = list(_strips(tags, data))
    if compression in _DEFLATE:
        pixels = image.width * image.height
        _check_deflated(strips, pixels * _MAX_PIXEL_BYTES + _MAX_PADDING)
    elif compression == _JPEG:
        tables = tags.get(_JPEG_TABLES, b"")
        for strip in strips:
            try:
                simplejpeg.decode_jpeg(
                    tables[:-_JPEG_END] + strip[_JPEG_END if tables else 0 :], "GRAY", min_factor=8
                )
            except ValueError as error:
                raise decoder_error(str(error)) from None


def _strips(tags: TiffImagePlugin.ImageFileDirectory_v2, data: bytes) -> Iterator[bytes]:
    """The compressed strips or tiles; all together they are no longer than the file."""
    offsets = next((tags[tag] for tag in _OFFSETS if tag in tags), ())
    counts = next((tags[tag] for tag in _BYTE_COUNTS if tag in tags), ())
    if not offsets or len(offsets) != len(counts):
        raise undecodable("the TIFF does not say where its strips are")
    if sum(counts) > len(data):
        raise truncated("the TIFF is shorter than its strips")
    for offset, count in zip(offsets, counts, strict=True):
        if offset + count > len(data):
            raise truncated(f"a strip of the TIFF ends at byte {offset + count} of {len(data)}")
        yield data[offset : offset + count]


def _check_deflated(strips: list[bytes], left: int) -> None:
    """Raises BadImageError unless all streams are whole and inflate to less than `left` bytes."""
    for strip in strips:
        try:
            length, ended = inflated_length([strip], left)
        except zlib.error as error:
            raise undecodable(f"a strip of the TIFF: {error}") from None
        left -= length
        if left <= 0:
            raise undecodable("the strips of the TIFF inflate to more than its pixels")
        if not ended:
            raise truncated("a strip of the TIFF ends before its data")
