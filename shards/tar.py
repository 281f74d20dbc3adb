"""Deterministic uncompressed USTAR: the same members give the same bytes on every machine."""

import tarfile
from collections.abc import Sequence
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

BLOCK = tarfile.BLOCKSIZE
END_OF_ARCHIVE = bytes(2 * BLOCK)
_NAME_BYTES = 100


_SIZE, _CHECKSUM = slice(124, 135), slice(148, 156)
# The last bytes of a header are free (POSIX ustar). With these, and zeros before them, the gear
# hash of `gearhash` 0.1 has its upper 16 bits zero: there the Hub's storage, Xet, ends a chunk of
# 8 kB or more. So chunks begin and end with samples: one that goes takes no neighbour along.
_CHUNK_ENDS = bytes([3, 2, 15, 0, 3])
_BLANK = tarfile.TarInfo("").tobuf(format=tarfile.USTAR_FORMAT)[: -len(_CHUNK_ENDS)] + _CHUNK_ENDS


def header(name: str, size: int) -> bytes:
    """The 512-byte header of a regular file with fixed owner, mode and time."""
    block = bytearray(_BLANK)
    letters = name.encode("ascii")
    if not (0 < len(letters) <= _NAME_BYTES and 0 <= size < 8**11):
        raise ValueError(f"{name} of {size} bytes does not fit into a plain header")
    block[: len(letters)] = letters
    block[_SIZE] = b"%011o" % size
    block[_CHECKSUM] = b" " * 8  # as which it counts itself (POSIX ustar)
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)


def headers(names: Sequence[str], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """`header` of many members at once: one row of 512 bytes for each."""
    letters = np.array([name.encode("ascii") for name in names], "S")
    if letters.itemsize > _NAME_BYTES or (sizes >= 8**11).any():
        raise ValueError("a name or a size does not fit into a plain header")
    blocks = np.tile(np.frombuffer(_BLANK, np.uint8), (len(names), 1))
    blocks[:, : letters.itemsize] = letters.view(np.uint8).reshape(len(names), -1)
    blocks[:, _SIZE] = _octal(sizes, 11)
    blocks[:, _CHECKSUM] = ord(" ")
    blocks[:, _CHECKSUM.start : _CHECKSUM.start + 6] = _octal(blocks.sum(axis=1), 6)
    blocks[:, _CHECKSUM.start + 6] = 0
    return blocks


def _octal(numbers: npt.NDArray[Any], digits: int) -> npt.NDArray[np.uint8]:
    shifts = 3 * np.arange(digits - 1, -1, -1)
    return (ord("0") + (numbers.astype(np.int64)[:, None] >> shifts & 7)).astype(np.uint8)


class Member(tarfile.TarInfo):
    """A member as `tarfile` reads it; those that `header` wrote take a third of the time."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        name = buf[:_NAME_BYTES].rstrip(b"\0")
        try:
            size = int(buf[_SIZE], 8)
            if buf != header(name.decode("ascii"), size):
                raise ValueError("another writer's")
        except ValueError:
            return super().frombuf(buf, encoding, errors)
        member = cls(name.decode("ascii"))
        member.size, member.mode, member.chksum = size, 0o644, int(buf[_CHECKSUM][:6], 8)
        return member


def padded(size: int) -> int:
    """`size` rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def member_size(size: int) -> int:
    """Bytes that a member with `size` bytes of content occupies in a tar."""
    return BLOCK + padded(size)


def member_size_sql(size: str) -> str:
    """`member_size` of a DuckDB expression."""
    return f"({BLOCK} * (1 + ({size} + {BLOCK - 1}) // {BLOCK}))"


def write_member(file: BinaryIO, name: str, data: bytes) -> int:
    """Appends one member at the current position and returns the offset of its content."""
    start = file.tell()
    file.write(header(name, len(data)))
    file.write(data)
    file.write(bytes(padded(len(data)) - len(data)))
    return start + BLOCK
