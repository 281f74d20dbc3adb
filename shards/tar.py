"""Deterministic uncompressed USTAR: the same members give the same bytes on every machine."""

import tarfile
from typing import BinaryIO

BLOCK = tarfile.BLOCKSIZE
END_OF_ARCHIVE = bytes(2 * BLOCK)


def header(name: str, size: int) -> bytes:
    """The 512-byte header of a regular file with fixed owner, mode and time."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(format=tarfile.USTAR_FORMAT)


def padded(size: int) -> int:
    """`size` rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def member_size(size: int) -> int:
    """Bytes that a member with `size` bytes of content occupies in a tar."""
    return BLOCK + padded(size)


def write_member(file: BinaryIO, name: str, data: bytes) -> int:
    """Appends one member at the current position and returns the offset of its content."""
    start = file.tell()
    file.write(header(name, len(data)))
    file.write(data)
    file.write(bytes(padded(len(data)) - len(data)))
    return start + BLOCK
