"""Panoramas whose colours say in which direction one looks, so that every pixel can be checked."""

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels
from enrich.images.gpano import NAMESPACE

Floats = npt.NDArray[np.float64]


def colours(east: Floats, up: Floats, north: Floats) -> Floats:
    """The colour of a direction: smooth on the whole sphere, different everywhere."""
    return np.stack([127.5 + 120 * axis for axis in (east, up, north)], axis=-1)


def sphere(
    width: int, heading: float = 0.0, pitch: float = 0.0, roll: float = 0.0, height: int = 0
) -> Pixels:
    """A whole panorama of a world of `colours`, whose camera looked to `heading` and was tilted.

    Pixel by pixel with the sines and cosines written out, unlike the code that it checks.
    """
    height = height or width // 2
    lon = ((np.arange(width) + 0.5) / width - 0.5)[None, :] * 2 * math.pi
    lat = (0.5 - (np.arange(height) + 0.5) / height)[:, None] * math.pi
    right, up, ahead = np.cos(lat) * np.sin(lon), np.sin(lat) + 0 * lon, np.cos(lat) * np.cos(lon)
    r, p, h = (math.radians(angle) for angle in (roll, pitch, heading))
    # Rolled clockwise, seen from behind: the right side sinks.
    right, up = right * math.cos(r) + up * math.sin(r), up * math.cos(r) - right * math.sin(r)
    # Then lifted: what is ahead rises.
    up, ahead = up * math.cos(p) + ahead * math.sin(p), ahead * math.cos(p) - up * math.sin(p)
    east, north = (
        right * math.cos(h) + ahead * math.sin(h),
        ahead * math.cos(h) - right * math.sin(h),
    )
    return np.rint(colours(east, up, north)).astype(np.uint8)


def expected_view(width: int, height: int, fov: float, heading: float) -> Floats:
    """The colours that a level camera sees in that world, at the centres of its pixels."""
    focal = width / 2 / math.tan(math.radians(fov / 2))
    right = ((np.arange(width) + 0.5) - width / 2)[None, :]
    up = (height / 2 - (np.arange(height) + 0.5))[:, None]
    h = math.radians(heading)
    east = right * math.cos(h) + focal * math.sin(h)
    north = focal * math.cos(h) - right * math.sin(h)
    length = np.sqrt(right**2 + up**2 + focal**2)
    return colours(east / length, up / length, north / length)


def gpano_jpeg(jpeg: bytes, elements: bool = False, **values: Any) -> bytes:
    """The JPEG with an XMP packet that holds the GPano properties `values`."""
    values = {"ProjectionType": "equirectangular"} | values
    if elements:
        body = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in values.items())
        description = f'<rdf:Description xmlns:p="{NAMESPACE}">{body}</rdf:Description>'
    else:
        body = " ".join(f'GPano:{name}="{value}"' for name, value in values.items())
        description = f'<rdf:Description xmlns:GPano="{NAMESPACE}" {body}/>'
    return xmp_jpeg(
        jpeg,
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{description}</rdf:RDF></x:xmpmeta>",
    )


def xmp_jpeg(jpeg: bytes, packet: str) -> bytes:
    """The JPEG with `packet` in an APP1 segment after its first segment."""
    content = b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()
    segment = struct.pack(">BBH", 0xFF, 0xE1, len(content) + 2) + content
    (first,) = struct.unpack_from(">H", jpeg, 4)
    return jpeg[: 4 + first] + segment + jpeg[4 + first :]
