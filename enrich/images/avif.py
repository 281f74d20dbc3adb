"""AVIF: how large the pictures in the file really are.

The size in an AVIF header is a claim: the decoder works on what the AV1 data says, and then
enlarges or shrinks that to the claim. So a few bytes could cost much work, or give a picture that
nobody took. Here both are compared, before decoding.
"""

import struct
from collections.abc import Iterator

from enrich.images.image import MAX_WHOLE_PIXELS, BadImageError, undecodable
from shards.schema import Reason

_MAX_BOXES = 10_000
_MAX_ITEMS = 1000
_SEQUENCE_HEADER = 1

Span = tuple[int, int]
"""First byte and end in the file."""


def check_coded_size(data: bytes, width: int, height: int) -> None:
    """Raises BadImageError when the AV1 pictures are too large, or smaller than `width` x `height`.

    Boxes are those of ISO/IEC 14496-12 and 23008-12.
    """
    try:
        kinds, pictures = _pictures(data)
    except (struct.error, IndexError):
        raise undecodable("the AVIF file's list of items is damaged") from None
    sizes = [columns * rows for columns, rows in pictures]
    if sum(sizes) > 2 * MAX_WHOLE_PIXELS:  # colours and transparency
        detail = f"{sum(sizes)} pixels of AV1 data, at most {2 * MAX_WHOLE_PIXELS}"
        raise BadImageError(Reason.TOO_LARGE, detail)
    # A grid puts a large picture together from several.
    if (sum(sizes) if b"grid" in kinds else max(sizes, default=0)) < width * height:
        raise undecodable(f"the AVIF file's AV1 data is smaller than {width}x{height}")


def _pictures(data: bytes) -> tuple[set[bytes], list[tuple[int, int]]]:
    """The kinds of items that there are, and the coded width and height of those that are AV1."""
    top = dict(_boxes(data, (0, len(data))))
    if b"moov" in top:
        raise undecodable("a moving AVIF picture")
    if b"meta" not in top:
        raise undecodable("the AVIF file has no list of items")
    start, end = top[b"meta"]
    meta = dict(_boxes(data, (start + 4, end)))
    kinds = _item_kinds(data, meta[b"iinf"]) if b"iinf" in meta else {}
    items = _items(data, meta[b"iloc"], meta.get(b"idat", (0, 0))) if b"iloc" in meta else {}
    pictures: list[tuple[int, int]] = []
    for number, content in items.items():
        if kinds.get(number) == b"av01":
            pictures.extend(_coded_sizes(content))
    return set(kinds.values()), pictures


def _boxes(data: bytes, within: Span) -> Iterator[tuple[bytes, Span]]:
    """The kind and content of each box."""
    position, end = within
    for _ in range(_MAX_BOXES):
        if position + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            size = struct.unpack_from(">Q", data, start)[0]
            start += 8
        stop = end if size == 0 else position + size
        if not start <= stop <= end:
            return
        yield kind, (start, stop)
        position = stop
    raise undecodable(f"the AVIF file has more than {_MAX_BOXES} boxes")


def _item_kinds(data: bytes, span: Span) -> dict[int, bytes]:
    start, end = span
    kinds: dict[int, bytes] = {}
    for kind, (at, _) in _boxes(data, (start + (8 if data[start] else 6), end)):
        if kind == b"infe" and data[at] >= 2:
            number, _, name = struct.unpack_from(
                ">HH4s" if data[at] == 2 else ">IH4s", data, at + 4
            )
            kinds[number] = name
    return kinds


def _items(data: bytes, span: Span, inside: Span) -> dict[int, bytes]:
    """The content of each item, by its number. Raises BadImageError for more than the file has."""
    reader = _Numbers(data, span[0] + 4)
    version = data[span[0]]
    widths = reader.number(2)
    offset_bytes, length_bytes, base_bytes = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    index_bytes = widths & 15 if version else 0
    items, total = {}, 0
    for _ in range(min(reader.number(2 if version < 2 else 4), _MAX_ITEMS)):
        number = reader.number(2 if version < 2 else 4)
        origin, limit = inside if version and reader.number(2) & 15 == 1 else (0, len(data))
        reader.number(2)
        origin += reader.number(base_bytes)
        parts = []
        for _ in range(reader.number(2)):
            reader.number(index_bytes)
            start = origin + reader.number(offset_bytes)
            length = reader.number(length_bytes)
            part = data[start : min(start + length, limit) if length else limit]
            parts.append(part)
            total += len(part)
            if total > len(data):
                raise undecodable("the AVIF file's items are longer than the file")
        items[number] = b"".join(parts)
    return items


class _Numbers:
    """Reads big-endian numbers of any width, one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def number(self, width: int) -> int:
        start, self.position = self.position, self.position + width
        if self.position > len(self.data):
            raise IndexError
        return int.from_bytes(self.data[start : self.position])


def _coded_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """The largest width and height that each sequence header allows (AV1, 5.3 and 5.5.1)."""
    position = 0
    while position < len(content):
        header = content[position]
        position += 2 if header & 4 else 1
        length = len(content) - position
        if header & 2:
            length = 0
            for group in range(8):
                byte = content[position]
                position += 1
                length |= (byte & 127) << 7 * group
                if byte < 128:
                    break
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            yield _largest_frame(content[position : position + min(length, 256)])
        position += length


def _largest_frame(header: bytes) -> tuple[int, int]:
    bits = "".join(f"{byte:08b}" for byte in header)
    position = 4

    def take(count: int) -> int:
        nonlocal position
        position += count
        if position > len(bits):
            raise IndexError
        return int(bits[position - count : position], 2)

    if take(1):  # a header reduced to what a still picture needs
        take(5)
    else:
        if take(1):
            raise undecodable("an AVIF picture with times")
        delays = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:
                take(1)
            if delays and take(1):
                take(4)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    return take(width_bits) + 1, take(height_bits) + 1
