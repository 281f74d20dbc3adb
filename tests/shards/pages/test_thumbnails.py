"""Small pictures: of what is one, inside the dataset, and of nothing else."""

import base64
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from shards.pages.thumbnails import (
    MAX_THUMBNAIL_BYTES,
    stored_thumbnail,
    stored_thumbnails,
    thumbnail,
)
from shards.store import Folder
from tests.queries.conftest import picture


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_thumbnails() -> None:
    assert thumbnail(picture(1, 1280, 720), 240) is not None
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (1, 2, 3, 4)).save(buffer, "PNG")
    assert thumbnail(buffer.getvalue(), 240) is not None
    for data in (b"", b"text", picture(1)[:200], png(60_000, 60_000), png(8_000, 8_001)):
        assert thumbnail(data, 240) is None


def test_noise_takes_no_more_bytes_than_allowed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 400, 3), dtype=np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    for width in (240, 480):
        uri = thumbnail(data, width)
        assert uri is not None
        small = base64.b64decode(uri.partition(",")[2])
        assert len(small) <= MAX_THUMBNAIL_BYTES * width // 240
        with Image.open(io.BytesIO(small)) as image:
            assert (image.width, image.height) <= (width, width * 3 // 2)


def test_each_place_is_read_once(tmp_path: Path) -> None:
    data = picture(1)
    (tmp_path / "a.tar").write_bytes(data)
    places = [("a.tar", 0, len(data)), ("a.tar", 0, 9), ("a.tar", 0, len(data))]
    found = stored_thumbnails(Folder(tmp_path), places, 100)
    assert list(found) == places[:2]
    assert found[places[0]] == stored_thumbnail(Folder(tmp_path), *places[0], 100)
    assert found[places[1]] is None


def test_pictures_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.tar").write_bytes(picture(1))
    size = len(picture(1))
    assert stored_thumbnail(Folder(tmp_path), "a.tar", 0, size, 100) is not None
    for file, offset, length in (
        ("../a.tar", 0, size),
        (str(tmp_path / "a.tar"), 0, size),
        ("a.tar", 9, size),
        ("a.tar", -1, size),
        ("a.tar", 0, 1 << 40),
        ("none.tar", 0, 5),
        ("", 0, 0),
    ):
        assert stored_thumbnail(Folder(tmp_path / "data"), file, offset, length, 100) is None
