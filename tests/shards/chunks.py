"""Content-defined chunks, as the Hub's Xet storage cuts files: 64 kB on average, 8 to 128 kB.

A chunk ends where a gear hash of the last 64 bytes has its upper 16 bits zero. What two versions
have in common is what needs no upload. The first values of the hash's table, which decide over the
ends of tar headers, are those of the crate `gearhash` 0.1.3; the others are our own: elsewhere
chunks end at other places than Xet's, and as often.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

LEAST, MOST = 8 << 10, 128 << 10
_MASK = np.uint64(0xFFFF << 48)
GEAR_TABLE = (
    *(0xB088D3A9E840F559, 0x5652C7F739ED20D6, 0x45B28969898972AB, 0x6B0A89D5B68EC777),
    *(0x368F573E8B7A31B7, 0x1DC636DCE936D94B, 0x207A4C4E5554D5B6, 0xA474B34628239ACB),
    *(0x3B06A83E1CA3B912, 0x90E78D6C2F02BAF7, 0xE1C92DF7150D9A8A, 0x8E95053A1086D3AD),
    *(0x5A2EF4F1B83A0722, 0xA50FAC949F807FAE, 0x0E7303EB80D8D681, 0x99B07EDC1570AD0F),
)
"""Of the bytes 0 to 15."""
_TABLE = np.random.default_rng(1).integers(0, 2**64, 256, dtype=np.uint64)

_TABLE[: len(GEAR_TABLE)] = GEAR_TABLE


def chunks(path: Path) -> list[tuple[str, int]]:
    """Digest and length of each chunk of a file."""
    data = path.read_bytes()
    found = []
    start = 0
    for end in [*_ends(np.frombuffer(data, np.uint8)), len(data)]:
        while end - start > MOST:
            found.append(_chunk(data, start, start + MOST))
            start += MOST
        if end - start >= LEAST or (end == len(data) and end > start):
            found.append(_chunk(data, start, end))
            start = end
    return found


def new_bytes(before: Iterable[Path], after: Iterable[Path]) -> tuple[int, int]:
    """Bytes of `after` in chunks that `before` does not have, and all its bytes."""
    known = {digest for path in before for digest, _ in chunks(path)}
    sizes = [(digest in known, size) for path in after for digest, size in chunks(path)]
    return sum(size for old, size in sizes if not old), sum(size for _, size in sizes)


def _chunk(data: bytes, start: int, end: int) -> tuple[str, int]:
    return hashlib.sha256(data[start:end]).hexdigest(), end - start


def _ends(data: npt.NDArray[np.uint8]) -> list[int]:
    """Where chunks may end: by the hash alone."""
    hashes = _TABLE[data]
    # Each step doubles the window: the sum of the shifted values of the last 2, 4, … 64 bytes.
    for power in range(6):
        width = 1 << power
        hashes[width:] = hashes[width:] + (hashes[:-width] << np.uint64(width))
    ends: list[int] = (np.flatnonzero((hashes & _MASK) == 0) + 1).tolist()
    return ends
