"""PNG: the chunks that make the picture, with their checksums.

Only those reach the decoder: compressed texts and profiles, which inflate to any size, do not.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from isal import isal_zlib

from enrich.images.image import MAX_WHOLE_PIXELS, Header, Pixels, displayed, truncated, undecodable
from enrich.images.orientation import UPRIGHT, read_orientation
from enrich.images.pillow import decode_with_pillow

START = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 100_000
_FOR_PIXELS = frozenset({b"IHDR", b"PLTE"})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_DEPTHS = frozenset({1, 2, 4, 8, 16})
_WHOLE = ((0, 0, 1, 1),)
# First row, first column, step of rows and of columns of each pass (W3C PNG, 8.1).
_ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_LAYOUT = struct.Struct(">IIBBBBB")
_NO_CHECKSUM = bytes(4)  # Pillow does not look at that of image data; `pixels` does, before


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    """Of its content, behind length and kind."""
    end: int


@dataclass(frozen=True, slots=True)
class PngFile:
    data: bytes
    header: Header
    chunks: list[_Chunk]

    @property
    def layout(self) -> tuple[int, int, int, int, int, int, int]:
        """Width, height, bit depth, colour type, compression, filter and interlace methods."""
        return _LAYOUT.unpack_from(self.data, self.chunks[0].start)

    @property
    def max_pixels(self) -> int:
        deep = self.layout[2] > 8
        return MAX_WHOLE_PIXELS // 2 if deep else MAX_WHOLE_PIXELS

    def pixels(self, width: int, height: int) -> Pixels:  # noqa: ARG002 - PNG has no scaled decode
        """At full size; 16 bits become the upper 8, transparency is dropped."""
        view = memoryview(self.data)
        parts: list[bytes | memoryview] = [START]
        image = []
        for chunk in self.chunks:
            if chunk.kind == b"IDAT" or chunk.kind in _FOR_PIXELS:
                (checksum,) = struct.unpack_from(">I", self.data, chunk.end)
                if isal_zlib.crc32(view[chunk.start - 4 : chunk.end]) != checksum:
                    raise undecodable(f"damaged PNG chunk {chunk.kind.decode()}")
            if chunk.kind == b"IDAT":
                image.append(view[chunk.start : chunk.end])
            elif chunk.kind in _FOR_PIXELS:
                parts.append(view[chunk.start - 8 : chunk.end + 4])
        # The decoder's own zlib would take twice as long: it gets the rows stored as they are.
        stored = zlib.compress(_inflated(b"".join(image), _raw_bytes(*self.layout)), level=0)
        length = struct.pack(">I", len(stored))
        alone = b"".join([*parts, length, b"IDAT", stored, _NO_CHECKSUM, _chunk(b"IEND")])
        return decode_with_pillow(alone, "PNG")


def open_png(data: bytes) -> PngFile:
    """Raises BadImageError for a file that does not reach to its end chunk."""
    chunks = _chunks(data)
    if not chunks or chunks[0].kind != b"IHDR" or chunks[0].end - chunks[0].start != 13:
        raise undecodable("the PNG does not begin with its header")
    if sum(chunk.kind == b"IHDR" for chunk in chunks) > 1:
        raise undecodable("the PNG has two headers")
    width, height, depth, colour_type, *_ = _LAYOUT.unpack_from(data, chunks[0].start)
    if depth not in _DEPTHS or colour_type not in _CHANNELS:
        raise undecodable(f"a PNG cannot have depth {depth} and colour type {colour_type}")
    exif = next((data[c.start : c.end] for c in chunks if c.kind == b"eXIf"), b"")
    orientation = read_orientation(exif) if exif else UPRIGHT
    return PngFile(data, displayed("PNG", width, height, orientation), chunks)


def _chunks(data: bytes) -> list[_Chunk]:
    """Up to the end chunk (W3C PNG, 5.3 and 5.6)."""
    chunks: list[_Chunk] = []
    position = len(START)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = _Chunk(kind, position + 8, position + 8 + length)
        position = chunk.end + 4
        if position > len(data):
            break
        if kind == b"IEND":
            return chunks
        chunks.append(chunk)
        if len(chunks) > _MAX_CHUNKS:
            raise undecodable(f"the PNG has more than {_MAX_CHUNKS} chunks")
    raise truncated(f"the PNG ends at byte {len(data)}, before its IEND chunk")


def _raw_bytes(
    width: int, height: int, depth: int, colour_type: int, _: int, __: int, interlaced: int
) -> int:
    """Bytes of the filtered rows of a picture (W3C PNG, 7.2 and 9.2)."""
    bits = depth * _CHANNELS[colour_type]
    total = 0
    for row, column, rows, columns in _ADAM7 if interlaced else _WHOLE:
        across, down = -(-(width - column) // columns), -(-(height - row) // rows)
        total += down * (1 + -(-across * bits // 8)) if across > 0 and down > 0 else 0
    return total


def _inflated(image: bytes, wanted: int) -> bytes:
    """The first `wanted` bytes of what was deflated; more is not inflated.

    Raises BadImageError when there is less.
    """
    try:
        rows = isal_zlib.decompressobj().decompress(image, wanted)
    except isal_zlib.error:  # type: ignore[misc]  # its stubs call the class an instance
        raise undecodable("damaged PNG image data") from None
    if len(rows) < wanted:
        raise truncated("the PNG's image data ends before its last row")
    return bytes(rows)


def _chunk(kind: bytes) -> bytes:
    """An empty chunk."""
    return struct.pack(">I4sI", 0, kind, zlib.crc32(kind))
