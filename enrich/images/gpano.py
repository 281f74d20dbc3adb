"""What a JPEG's XMP says about the panorama in it: the GPano properties.

The packet is looked for in a bounded number of segments, holds less than 64 KiB, and is read by a
parser that follows no entity and refuses a document type, so that nothing in it can grow.
"""

import struct
from xml.parsers.expat import ExpatError, ParserCreate

NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"
"""Photo Sphere XMP Metadata, https://developers.google.com/streetview/spherical-metadata"""

_JPEG_START = b"\xff\xd8"
_APP1 = 0xE1
_START_OF_SCAN = 0xDA
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_MAX_SEGMENTS = 1000


def read_gpano(data: bytes) -> dict[str, str]:
    """The GPano properties of an image file by name; empty for any but a JPEG that has them."""
    packet = _xmp_packet(data)
    if NAMESPACE.encode() not in packet:
        return {}
    reader = _Reader()
    try:
        reader.parser.Parse(packet.rstrip(b"\0"), True)
    except (ExpatError, _DocumentTypeError):
        return {}
    return reader.found


def _xmp_packet(data: bytes) -> bytes:
    """The packet in the first XMP segment before a JPEG's pixels (XMP, part 3, 1.1.3)."""
    if not data.startswith(_JPEG_START):
        return b""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if position + 4 > len(data):
            break
        prefix, marker, length = struct.unpack_from(">BBH", data, position)
        if prefix != 0xFF or marker == _START_OF_SCAN or length < 2:
            break
        if marker == _APP1 and data.startswith(_XMP_START, position + 4):
            return data[position + 4 + len(_XMP_START) : position + 2 + length]
        position += 2 + length
    return b""


class _DocumentTypeError(Exception):
    """XMP has no document type; one could define entities."""


class _Reader:
    """Collects properties, which XMP writes as attributes or as elements."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._open = ""
        self.parser = ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise _DocumentTypeError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        for attribute, value in attributes.items():
            if attribute.startswith(f"{NAMESPACE} "):
                self.found.setdefault(attribute.removeprefix(f"{NAMESPACE} "), value.strip())
        self._open = name.removeprefix(f"{NAMESPACE} ") if name.startswith(NAMESPACE) else ""

    def _end(self, name: str) -> None:  # noqa: ARG002 - expat's signature
        self._open = ""

    def _text(self, text: str) -> None:
        if self._open:
            self.found.setdefault(self._open, text.strip())
