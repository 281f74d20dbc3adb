"""JPEG: headers, the scaled decode, and files that are cut or damaged.

Decoders fill what is missing with grey and only warn, so every warning counts here as damage. A
few are about harmless oddities that cameras write; such a file is decoded again without them
(`_plain`), and must then pass without any. JPEG has no checksum: damage that leaves a valid code
of the right length cannot be seen by anyone.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg

from enrich.images.image import (
    MAX_PIXELS,
    MAX_WHOLE_PIXELS,
    BadImageError,
    Header,
    Pixels,
    decoder_error,
    displayed,
    truncated,
    undecodable,
)
from enrich.images.orientation import EXIF_START, UPRIGHT, read_orientation
from enrich.images.progression import Frame, check_scans

START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_MAX_SEGMENTS = 10_000
_MAX_GAP = 1 << 16
"""Bytes before a marker; cameras leave a few."""
# As libjpeg looks for the next marker: what stands before it is skipped.
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_SURPLUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_SCALES = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    """Of the two bytes of the marker."""
    end: int


@dataclass(frozen=True, slots=True)
class JpegFile:
    data: bytes
    header: Header
    frame: Frame
    segments: list[_Segment]
    """Those before the entropy-coded data; the last one is the start of the first scan."""

    @property
    def max_pixels(self) -> int:
        return MAX_PIXELS if self.frame.sequential else MAX_WHOLE_PIXELS

    def pixels(self, width: int, height: int) -> Pixels:
        """At the smallest of the scales 1/8, 1/4, 1/2 and 1 that still covers the size.

        The decoder then skips most of the inverse transform; scores stay within about 0.3 %.
        """
        check_scans(self.data, self.segments[-1].start, self.frame)
        if self.header.orientation >= 5:
            width, height = height, width
        target = (0, 0)
        for scale in _SCALES:
            if self.frame.width // scale >= width and self.frame.height // scale >= height:
                target = (-(-self.frame.width // scale), -(-self.frame.height // scale))
                break
        try:
            return _decode(self.data, self.frame, target)
        except BadImageError as error:
            return self._oddities_removed(error, target)

    def _oddities_removed(self, error: BadImageError, target: tuple[int, int]) -> Pixels:
        """The pixels of a file with an `error` that is no damage; raises it again for any other."""
        plain = _plain(self)
        if plain != self.data:
            try:
                return _decode(plain, self.frame, target)
            except BadImageError as another:
                error = another
        unpadded = _unpadded(plain, error.detail)
        if unpadded == plain:
            raise error
        return _decode(unpadded, self.frame, target)


def open_jpeg(data: bytes) -> JpegFile:
    """Raises BadImageError for a header that is cut or makes no sense."""
    segments = list(_segments(data))
    orientation, name, frame = UPRIGHT, "JPEG", None
    seen_exif = False
    for segment in segments:
        content = segment.start + 4
        if segment.marker == _APP1 and not seen_exif and data.startswith(EXIF_START, content):
            seen_exif = True
            orientation = read_orientation(data[content + len(EXIF_START) : segment.end])
        elif segment.marker == _APP2 and data.startswith(b"MPF\0", content):
            name = "MPO"
        elif segment.marker in _FRAMES and frame is None:
            frame = _frame(data, segment)
    if frame is None or segments[-1].marker != _START_OF_SCAN:
        raise undecodable("the JPEG has no picture in it")
    header = displayed(name, frame.width, frame.height, orientation)
    return JpegFile(data, header, frame, segments)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Up to the start of the first scan (ITU-T T.81, B.1), or to the end of an image without one.

    Raises BadImageError when the file ends before.
    """
    position = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            raise truncated("the JPEG ends inside its header")
        start, marker = found.start(), data[found.start() + 1]
        if start - position > _MAX_GAP:
            raise undecodable(f"{start - position} bytes of nothing in the JPEG's header")
        position = found.end()
        if marker == _END_OF_IMAGE:
            return
        if marker in _STANDALONE:
            continue
        if position + 2 > len(data):
            raise truncated("the JPEG ends inside its header")
        position += max(2, struct.unpack_from(">H", data, position)[0])
        if position > len(data):
            raise truncated("the JPEG ends inside its header")
        yield _Segment(marker, start, position)
        if marker == _START_OF_SCAN:
            return
    raise undecodable(f"the JPEG has more than {_MAX_SEGMENTS} segments before its picture")


def _frame(data: bytes, segment: _Segment) -> Frame:
    if segment.end - segment.start < 10:
        raise undecodable("the JPEG's frame header is too short")
    height, width, count = struct.unpack_from(">HHB", data, segment.start + 5)
    components = data[segment.start + 10 : segment.end : 3][:count]
    return Frame(
        width,
        height,
        tuple(components),
        sequential=segment.marker in _SEQUENTIAL,
        progressive=segment.marker in _PROGRESSIVE,
    )


def _decode(data: bytes, frame: Frame, target: tuple[int, int]) -> Pixels:
    """The picture at the smallest size that covers `target` (0, 0 for the full size)."""
    try:
        # The size that was checked against the limits must be the one that memory is taken for.
        if simplejpeg.decode_jpeg_header(data)[:2] != (frame.height, frame.width):
            raise undecodable("the JPEG has two sizes")
        pixels = simplejpeg.decode_jpeg(data, "BGR", min_width=target[0], min_height=target[1])
    except ValueError as error:
        raise decoder_error(str(error)) from None
    return np.asarray(pixels, dtype=np.uint8)


def _plain(file: JpegFile) -> bytes:
    """The same picture without bytes between segments, odd application segments or parameters."""
    data = file.data
    parts = [START[:2]]
    for segment in file.segments[:-1]:
        content = data[segment.start : segment.end]
        if segment.marker == _APP0 and content[4:8] == b"JFIF":
            parts.append(_JFIF)
        elif segment.marker == _APP14 and content[4:9] == b"Adobe":
            parts.append(_known_transform(content, len(file.frame.components)))
        elif not (_APP0 <= segment.marker <= _APP15 or segment.marker == _COMMENT):
            parts.append(content)
    scan = file.segments[-1]
    parameters = b"\0\x3f\0" if file.frame.sequential else data[scan.end - 3 : scan.end]
    end = data.find(_END, scan.end)
    body = data[scan.end :] if end < 0 else data[scan.end : end + 2]
    return b"".join([*parts, data[scan.start : scan.end - 3], parameters, body])


def _unpadded(data: bytes, warning: str) -> bytes:
    """`data` without the padding before its end marker: what is too much, if it is one byte value.

    Damage leaves bytes too, but different ones.
    """
    surplus = _SURPLUS.search(warning)
    if surplus is None or not data.endswith(_END):
        return data
    count = int(surplus[1])
    padding = data[-2 - count : -2]
    return data[: -2 - count] + _END if len(set(padding)) == 1 else data


def _known_transform(adobe: bytes, components: int) -> bytes:
    """An Adobe segment whose colour transform is one that there is: 0, 1 or 2."""
    if len(adobe) < 16 or adobe[15] <= 2:
        return adobe
    return adobe[:15] + (b"\2" if components == 4 else b"\1") + adobe[16:]
