"""The EXIF orientation: finding it, and undoing it."""

import struct

import cv2
import numpy as np

from enrich.images.image import Pixels

EXIF_START = b"Exif\0\0"
UPRIGHT = 1
_TAG = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12


def read_orientation(exif: bytes) -> int:
    """1 to 8 from the first directory of an EXIF block; 1 when there is none or it is damaged.

    Exif 2.32, 4.6.2: a TIFF header, then a directory of at most 65,535 entries of 12 bytes.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return UPRIGHT
    start = struct.unpack_from(f"{order}I", exif, 4)[0]
    if start + 2 > len(exif):
        return UPRIGHT
    count = struct.unpack_from(f"{order}H", exif, start)[0]
    entries = range(start + 2, min(start + 2 + count * _ENTRY_BYTES, len(exif) - 11), _ENTRY_BYTES)
    for entry in entries:
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, entry)
        if tag == _TAG:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undoes an EXIF orientation (Exif 2.32, tag 0x0112)."""
    turned: cv2.typing.MatLike = pixels
    if orientation in (2, 4, 5, 7):
        turned = cv2.flip(turned, 1)
    # What is left after the mirror is a rotation, named here by how it is undone.
    turn = {
        3: cv2.ROTATE_180,
        4: cv2.ROTATE_180,
        5: cv2.ROTATE_90_COUNTERCLOCKWISE,
        6: cv2.ROTATE_90_CLOCKWISE,
        7: cv2.ROTATE_90_CLOCKWISE,
        8: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }.get(orientation)
    return np.asarray(turned if turn is None else cv2.rotate(turned, turn), dtype=np.uint8)
