"""How long compressed data is, without ever holding it whole."""

import zlib
from collections.abc import Iterable

_PIECE = 1 << 16
_AT_ONCE = 1 << 20


def inflated_length(parts: Iterable[bytes | memoryview], limit: int) -> tuple[int, bool]:
    """Bytes that a zlib stream in `parts` inflates to, and whether it came to its end.

    Stops at `limit` bytes or little more. At the end the stream's checksum has been found right.
    Raises zlib.error for a damaged stream.
    """
    stream = zlib.decompressobj()
    length = 0
    for part in parts:
        for start in range(0, len(part), _PIECE):
            rest: bytes | memoryview = part[start : start + _PIECE]
            while rest and length < limit and not stream.eof:
                length += len(stream.decompress(rest, _AT_ONCE))
                rest = stream.unconsumed_tail
    if length < limit:
        length += len(stream.flush())
    return length, stream.eof
