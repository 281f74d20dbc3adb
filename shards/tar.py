"""Deterministic uncompressed USTAR: the same members give the same bytes on every machine."""

import tarfile
from typing import BinaryIO, Self

BLOCK = tarfile.BLOCKSIZE
END_OF_ARCHIVE = bytes(2 * BLOCK)
_NAME_BYTES = 100


_SIZE, _CHECKSUM = slice(124, 135), slice(148, 156)
_BLANK = tarfile.TarInfo("").tobuf(format=tarfile.USTAR_FORMAT)


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
