"""Content-defined chunks, as the Hub's Xet storage cuts files: 64 kB on average, 8 to 128 kB.

A chunk ends where a gear hash of the last 64 bytes has its upper 16 bits zero. What two versions
have in common is what needs no upload. The table of the hash is our own: where chunks end differs
from Xet, how many there are does not.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

LEAST, MOST = 8 << 10, 128 << 10
_MASK = np.uint64(0xFFFF << 48)
_TABLE = np.random.default_rng(1).integers(0, 2**64, 256, dtype=np.uint64)


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
