"""Whether the scans of a JPEG make a whole picture.

A progressive JPEG comes in about ten scans, each adding detail, and some sequential ones in one
scan per colour. Cut between two scans and closed with an end marker, such a file decodes without
a warning, but coarse or without colours. And many scans of a large picture are much work.
"""

import re
import struct
from dataclasses import dataclass

from enrich.images.image import BadImageError, truncated, undecodable
from shards.schema import Reason

MAX_SCANS = 100
MAX_SCANNED_PIXELS = 500_000_000
"""Pixels times scans: about two seconds."""
_MAX_SEGMENTS = 1000
# Inside a scan, 0xFF is followed by a zero or a restart marker's number, or repeated.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_COEFFICIENTS = 64
_MISSING = 16  # more than any bit position


@dataclass(frozen=True, slots=True)
class Frame:
    """A JPEG's frame header (ITU-T T.81, B.2.2)."""

    width: int
    """As stored, in pixels."""
    height: int
    components: tuple[int, ...]
    """Their identifiers; the first is the luma of a colour picture."""
    sequential: bool
    """Huffman-coded baseline or extended: can be decoded in one pass at a smaller scale."""
    progressive: bool


def check_scans(data: bytes, position: int, frame: Frame) -> None:
    """Raises BadImageError when the scans from `position` on are too many or too few.

    A whole picture has the mean of every component, every coefficient of the first, and the last
    bit of every coefficient that was begun. An encoder may leave out what is zero in colours.
    """
    if frame.sequential and data[position + 4 : position + 5] == bytes([len(frame.components)]):
        return  # one scan with everything: what is missing, the decoder sees
    lowest = {component: [_MISSING] + [0] * 63 for component in frame.components}
    lowest[frame.components[0]] = [_MISSING] * _COEFFICIENTS
    scans = 0
    for _ in range(_MAX_SEGMENTS):
        marker = data[position + 1]
        if marker == _END_OF_IMAGE or position + 4 > len(data):
            break
        end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
        if marker == _START_OF_SCAN:
            scans += 1
            _add_scan(lowest, data[position + 4 : end], frame.progressive)
        found = _AFTER_SCAN.search(data, end)
        if found is None:
            break
        position = found.start()
    else:
        raise undecodable(f"the JPEG has more than {_MAX_SEGMENTS} segments between its scans")
    if scans > MAX_SCANS or scans * frame.width * frame.height > MAX_SCANNED_PIXELS:
        size = f"{frame.width}x{frame.height}"
        raise BadImageError(Reason.TOO_LARGE, f"{scans} scans of {size} pixels are too much work")
    if any(any(bits) for bits in lowest.values()):
        raise truncated("the JPEG ends before its last scan")


def _add_scan(lowest: dict[int, list[int]], scan: bytes, progressive: bool) -> None:
    """Notes the lowest bit that a scan (its header, B.2.3) gives for its coefficients."""
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return  # for the decoder to refuse
    first, last, bits = scan[1 + 2 * count : 4 + 2 * count] if progressive else (0, 63, 0)
    for component in scan[1 : 1 + 2 * count : 2]:
        if component in lowest:
            for coefficient in range(first, min(last, 63) + 1):
                lowest[component][coefficient] = bits & 15
