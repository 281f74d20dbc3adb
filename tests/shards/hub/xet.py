"""The content-addressed storage behind Xet: takes xorbs and shards, puts files together from them.

The formats are those of the Xet protocol specification (https://huggingface.co/docs/xet), as far as
uploads need them. What is received is decoded in full, so a file arrives only if its chunks did.
"""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

_RECORD = 48
_HAS_VERIFICATION, _HAS_METADATA = 1 << 31, 1 << 30
_END = b"\xff" * 32


@dataclass
class Xorbs:
    chunks: dict[str, list[bytes]] = field(default_factory=dict)
    """The chunks of each xorb, by its hash as links spell it."""
    received: int = 0
    """Bytes of xorbs."""

    def add(self, name: str, data: bytes) -> bool:
        """Keeps a xorb; whether it is new."""
        self.received += len(data)
        new = name not in self.chunks
        self.chunks[name] = list(_chunks(data))
        return new

    def files(self, shard: bytes) -> dict[str, bytes]:
        """The files that a shard describes, by their SHA-256."""
        found = {}
        position = _RECORD  # after the header
        while shard[position : position + 32] != _END:
            flags, entries = struct.unpack_from("<II", shard, position + 32)
            position += _RECORD
            parts = []
            for _ in range(entries):
                xorb = spelt(shard[position : position + 32])
                _, size, start, end = struct.unpack_from("<IIII", shard, position + 32)
                part = b"".join(self.chunks[xorb][start:end])
                assert len(part) == size
                parts.append(part)
                position += _RECORD
            if flags & _HAS_VERIFICATION:
                position += entries * _RECORD
            assert flags & _HAS_METADATA
            sha256 = spelt(shard[position : position + 32])
            position += _RECORD
            data = b"".join(parts)
            assert hashlib.sha256(data).hexdigest() == sha256
            found[sha256] = data
        return found


def spelt(name: bytes) -> str:
    """A hash as text: four little-endian numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", name))


def _chunks(xorb: bytes) -> list[bytes]:
    chunks = []
    position = 0
    while position + 8 <= len(xorb) and xorb[position] == 0:
        size = int.from_bytes(xorb[position + 1 : position + 4], "little")
        kind = xorb[position + 4]
        whole = int.from_bytes(xorb[position + 5 : position + 8], "little")
        position += 8
        chunks.append(_decoded(xorb[position : position + size], kind, whole))
        position += size
    return chunks


def _decoded(data: bytes, kind: int, size: int) -> bytes:
    if kind == 0:
        return data
    plain = pa.Codec("lz4").decompress(data, size).to_pybytes()
    return plain if kind == 1 else _ungrouped(plain)


def _ungrouped(data: bytes) -> bytes:
    """Every fourth byte stood together."""
    source = np.frombuffer(data, np.uint8)
    result = np.empty_like(source)
    start = 0
    for first in range(4):
        count = len(result[first::4])
        result[first::4] = source[start : start + count]
        start += count
    return result.tobytes()
