"""Whatever bytes come, there is a photograph or one reason why not."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from enrich.images.decode import MAX_BYTES, Decoded, Pixels, decode
from enrich.images.resize import resize
from shards.schema import Reason
from tests.enrich.samples import encoded, jpeg, picture


def reason(decoded: Decoded) -> Reason | None:
    assert (decoded.pixels is None) == (decoded.rejection is not None)
    return decoded.rejection.reason if decoded.rejection else None


def with_thumbnail(width: int = 640, height: int = 360) -> bytes:
    """A JPEG whose EXIF segment holds a whole JPEG of its own, as cameras write it."""
    thumbnail = jpeg(9, 64, 48)
    body = b"Exif\0\0" + thumbnail
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    photograph = jpeg(1, width, height)
    return photograph[:2] + segment + photograph[2:]


WHOLE = {
    "jpg": jpeg(),
    "thumbnail.jpg": with_thumbnail(),
    "png": encoded(picture(), "png"),
    "webp": encoded(picture(), "webp"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_decoded(name: str) -> None:
    decoded = decode(WHOLE[name], 320, 180)
    assert reason(decoded) is None
    assert decoded.header is not None
    assert (decoded.header.width, decoded.header.height) == (640, 360)
    assert reason(decode(WHOLE[name] + b"trailing bytes", 320, 180)) is None


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_anywhere_is_truncated(name: str) -> None:
    data = WHOLE[name]
    cuts = sorted({*range(12, len(data), max(1, len(data) // 60)), len(data) - 1})
    for size in cuts:
        assert reason(decode(data[:size], 320, 180)) == Reason.TRUNCATED, size


@pytest.mark.parametrize("progressive", [0, 1])
def test_progressive_jpegs_too(progressive: int) -> None:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 4]
    data = cv2.imencode(".jpg", picture(), options)[1].tobytes()
    assert reason(decode(data, 320, 180)) is None
    for size in range(len(data) // 10, len(data), len(data) // 10):
        assert reason(decode(data[:size], 320, 180)) == Reason.TRUNCATED


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"<html>not found</html>", b"\0" * 1000])
def test_what_is_no_image_is_undecodable(data: bytes) -> None:
    assert reason(decode(data, 320, 180)) == Reason.UNDECODABLE


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_bytes_never_raise(name: str, data: st.DataObject) -> None:
    damaged = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    decoded = decode(bytes(damaged), 320, 180)
    reason(decoded)
    if decoded.pixels is not None:
        assert decoded.pixels.shape[0] >= 180
        assert decoded.pixels.shape[1] >= 320


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP"):
        assert reason(decode(start + data, 320, 180)) is not None


def test_sizes() -> None:
    assert reason(decode(jpeg(0, 320, 180), 320, 180)) is None
    assert reason(decode(jpeg(0, 319, 400), 320, 180)) == Reason.TOO_SMALL
    assert reason(decode(jpeg(0, 400, 179), 320, 180)) == Reason.TOO_SMALL
    assert reason(decode(bytes(MAX_BYTES + 1), 320, 180)) == Reason.TOO_LARGE


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_500, 20_000])
def test_a_pixel_bomb_is_refused_before_decoding(side: int) -> None:
    # A whole PNG whose header promises more pixels than its few bytes hold.
    data = bytearray(encoded(picture(0, 8, 8), "png"))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    assert reason(decode(bytes(data), 320, 180)) == Reason.TOO_LARGE


def oriented(upright: Pixels, orientation: int, extension: str) -> bytes:
    """A file stored so that its EXIF orientation turns it back into `upright`."""
    image = Image.fromarray(upright[:, :, ::-1])
    # Pillow names what must be done to see the stored image upright; these are the inverses.
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = image if inverse is None else image.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    options = {"quality": 95, "subsampling": 0} if extension == "jpeg" else {"lossless": True}
    stored.save(file, extension, exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize("extension", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(160, 90), (320, 180), (640, 360)])
def test_all_orientations(size: tuple[int, int], orientation: int, extension: str) -> None:
    # Four quarters of different colours tell all eight orientations apart.
    upright = np.zeros((360, 640, 3), np.uint8)
    upright[:180, :320], upright[:180, 320:] = (250, 10, 10), (10, 250, 10)
    upright[180:, :320], upright[180:, 320:] = (10, 10, 250), (250, 250, 250)
    decoded = decode(oriented(upright, orientation, extension), *size)
    assert decoded.header is not None
    assert (decoded.header.width, decoded.header.height) == (640, 360)
    assert decoded.pixels is not None
    found = resize(decoded.pixels, *size).astype(int)
    expected = resize(upright, *size).astype(int)
    assert np.abs(found - expected).mean() < 3


def test_other_kinds_of_pixels_become_three_channels() -> None:
    grey = picture()[:, :, 0]
    alpha = np.dstack([picture(), grey])
    deep = picture().astype(np.uint16) * 257
    for data in (encoded(grey), encoded(alpha, "png"), encoded(deep, "png"), encoded(grey, "png")):
        decoded = decode(data, 320, 180)
        assert decoded.pixels is not None
        assert decoded.pixels.shape[2] == 3
        assert decoded.pixels.dtype == np.uint8


def test_the_scaled_decode_keeps_the_scene() -> None:
    smooth = cv2.GaussianBlur(picture(3, 1280, 720), (0, 0), 3)
    data = encoded(np.asarray(smooth, np.uint8))
    scaled, full = decode(data, 320, 180), decode(data, 1280, 720)
    assert scaled.pixels is not None
    assert full.pixels is not None
    assert scaled.pixels.shape == (180, 320, 3)
    assert full.pixels.shape == (720, 1280, 3)
    difference = scaled.pixels.astype(int) - resize(full.pixels, 320, 180).astype(int)
    assert np.abs(difference).mean() < 1.5
