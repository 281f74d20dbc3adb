"""Whether an image file is all there, from its structure alone.

Decoders fill the missing rest of a cut file with grey and say nothing, so this is checked first.
"""

import struct

_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FIRST_WITH_LENGTH = 0xC0
_END_OF_IMAGE = 0xD9


def truncation(data: bytes) -> str:
    """Where a JPEG, PNG or WebP file ends too early; empty when it is whole or of another kind."""
    if data.startswith(_JPEG_START):
        return _jpeg_truncation(data)
    if data.startswith(_PNG_START):
        return _png_truncation(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        missing = struct.unpack_from("<I", data, 4)[0] + 8 - len(data)
        return f"the WebP file lacks {missing} bytes" if missing > 0 else ""
    return ""


def _jpeg_truncation(data: bytes) -> str:
    """A whole JPEG has an end marker behind its first scan (ITU-T T.81, B.1).

    Inside a scan an 0xFF byte is always stuffed or a restart marker, so the end marker cannot
    appear by chance; the one of an embedded thumbnail stands in a segment before the scan.
    """
    position = 2
    while position + 4 <= len(data):
        prefix, marker, length = struct.unpack_from(">BBH", data, position)
        if prefix != 0xFF:
            return ""  # not a cut but a damaged header: for the decoder to judge
        if marker == _START_OF_SCAN:
            # From the back, because that is where it normally stands.
            whole = data.rfind(_JPEG_END, position) >= 0
            return "" if whole else "the JPEG scan has no end marker"
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker < _FIRST_WITH_LENGTH or marker == _END_OF_IMAGE:
            return ""
        else:
            position += 2 + length
    return "the JPEG ends inside its header"


def _png_truncation(data: bytes) -> str:
    """A whole PNG ends with an IEND chunk (W3C PNG, 5.6)."""
    position = len(_PNG_START)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if kind == b"IEND":
            return ""
    return f"the PNG ends at byte {len(data)}, before its IEND chunk"
