"""WebP, TIFF, AVIF and BMP: every kind is decoded, and cut or damaged files are not."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, features

from enrich.images.decode import decode
from enrich.images.image import MAX_WHOLE_PIXELS
from shards.schema import Reason
from tests.enrich.samples import picture

PHOTOGRAPH = np.asarray(cv2.GaussianBlur(picture(6), (0, 0), 2), np.uint8)
SHADES = np.asarray(cv2.cvtColor(PHOTOGRAPH, cv2.COLOR_BGR2GRAY))
COLOURS = Image.fromarray(PHOTOGRAPH[:, :, ::-1])
ANOTHER = COLOURS.rotate(180)
WITH_ALPHA = COLOURS.copy()
WITH_ALPHA.putalpha(Image.fromarray(SHADES))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def deep_tiff() -> bytes:
    """16 bits for each of three colours, uncompressed, which Pillow itself does not write."""
    rows, columns = SHADES.shape
    samples = PHOTOGRAPH[:, :, ::-1].astype("<u2") << 8 | 0xAB
    tags = (
        (256, 3, 1, columns),
        (257, 3, 1, rows),
        (258, 3, 3, 122),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 128),
        (277, 3, 1, 3),
        (278, 3, 1, rows),
        (279, 4, 1, samples.nbytes),
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    head += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    assert len(head) == 122
    return head + struct.pack("<HHH", 16, 16, 16) + samples.tobytes()


EXACT = {
    "lossless webp": saved(COLOURS, "WEBP", lossless=True),
    "webp with alpha": saved(WITH_ALPHA, "WEBP", lossless=True, exact=True),
    "tiff": saved(COLOURS, "TIFF"),
    "tiff with alpha": saved(WITH_ALPHA, "TIFF"),
    "lzw tiff": saved(COLOURS, "TIFF", compression="tiff_lzw"),
    "deflated tiff": saved(COLOURS, "TIFF", compression="tiff_adobe_deflate"),
    "packed tiff": saved(COLOURS, "TIFF", compression="packbits"),
    "pages": saved(COLOURS, "TIFF", save_all=True, append_images=[ANOTHER]),
    "16 bits of three colours": deep_tiff(),
    "bmp": saved(COLOURS, "BMP"),
}
CLOSE = {
    "webp": saved(COLOURS, "WEBP", quality=90),
    "moving webp": saved(COLOURS, "WEBP", quality=90, save_all=True, append_images=[ANOTHER]),
    "avif": saved(COLOURS, "AVIF", quality=90, speed=9),
    "avif with alpha": saved(WITH_ALPHA, "AVIF", quality=90, speed=9),
    "jpeg in tiff": saved(COLOURS, "TIFF", compression="jpeg", quality=90),
    "cmyk tiff": saved(COLOURS.convert("CMYK"), "TIFF"),
}
GREY = {
    "grey tiff": saved(Image.fromarray(SHADES), "TIFF"),
    "16 bit tiff": saved(Image.fromarray(SHADES.astype(np.uint16) << 8 | 0xCD), "TIFF"),
    "deflated 16 bit tiff": saved(
        Image.fromarray(SHADES.astype(np.uint16) << 8), "TIFF", compression="tiff_adobe_deflate"
    ),
}
ALL = EXACT | CLOSE | GREY


@pytest.mark.parametrize("name", ALL)
def test_every_kind(name: str) -> None:
    found = decode(ALL[name], 640, 360)
    assert found.pixels is not None, found.rejection
    expected = np.dstack([SHADES] * 3) if name in GREY else PHOTOGRAPH
    error = np.abs(found.pixels.astype(int) - expected)
    assert error.mean() < 4 if name in CLOSE else error.max() == 0
    assert found.header is not None
    assert found.header.format in name.upper() or found.header.format == "TIFF"
    assert decode(ALL[name], 641, 360).rejection is not None


@pytest.mark.parametrize("name", [name for name in ALL if name != "pages"])
def test_a_cut_file_is_truncated(name: str) -> None:
    data = ALL[name]
    for size in {*range(64, len(data), len(data) // 40), len(data) - 1}:
        rejection = decode(data[:size], 320, 180).rejection
        assert rejection is not None, size
        assert rejection.reason in (Reason.TRUNCATED, Reason.UNDECODABLE)
        # The last bytes of a TIFF belong to its tags: without them it is something else.
        if 1000 < size < len(data) - 1000:
            assert rejection.reason == Reason.TRUNCATED, (size, rejection)


@pytest.mark.parametrize("name", ["deflated tiff", "jpeg in tiff", "lzw tiff"])
def test_a_hole_in_a_strip_is_seen(name: str) -> None:
    """libtiff only prints a line, or says nothing at all."""
    data = ALL[name]
    for start in range(len(data) // 10, len(data) - 2000, len(data) // 30):
        damaged = data[:start] + bytes(400) + data[start + 400 :]
        assert decode(damaged, 320, 180).rejection is not None, start


def test_a_cut_webp_or_avif_with_the_right_sizes_in_it() -> None:
    webp = CLOSE["webp"]
    for size in range(200, len(webp) - 100, len(webp) // 20):
        cut = webp[: size // 2 * 2]
        fixed = cut[:4] + struct.pack("<I", len(cut) - 8) + cut[8:16]
        fixed += struct.pack("<I", len(cut) - 20) + cut[20:]
        assert decode(fixed, 320, 180).rejection is not None, size
    avif = CLOSE["avif"]
    start = avif.index(b"mdat") - 4
    for size in range(start + 100, len(avif) - 100, len(avif) // 20):
        fixed = avif[:start] + struct.pack(">I", size - start) + avif[start + 4 : size]
        assert decode(fixed, 320, 180).rejection is not None, size


def deflated_tiff(strip: bytes) -> bytes:
    """A grey picture of 640x360 whose only strip this is."""
    tags = ((256, 640), (257, 360), (258, 8), (259, 8), (262, 1), (273, 122), (279, len(strip)))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    head += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return head.ljust(122, b"\0") + strip


def test_a_deflated_strip_ends_as_it_should() -> None:
    strip = zlib.compress(SHADES.tobytes())
    found = decode(deflated_tiff(strip), 320, 180)
    assert found.pixels is not None
    assert np.array_equal(found.pixels[:, :, 0], SHADES)
    for cut in (1, 4, 5, 100):
        rejection = decode(deflated_tiff(strip[:-cut]), 320, 180).rejection
        assert rejection is not None
        assert rejection.reason == Reason.TRUNCATED


def test_a_deflated_bomb() -> None:
    rejection = decode(deflated_tiff(zlib.compress(bytes(1 << 26), 9)), 320, 180).rejection
    assert rejection is not None
    assert rejection.reason == Reason.UNDECODABLE
    assert "inflate" in rejection.detail


def test_limits() -> None:
    side = int(MAX_WHOLE_PIXELS**0.5) + 1
    tiff = saved(Image.new("1", (side, side)), "TIFF", compression="group4")
    webp = bytearray(saved(WITH_ALPHA, "WEBP"))
    assert webp[12:16] == b"VP8X"
    webp[24:30] = struct.pack("<I", side - 1)[:3] * 2
    avif = bytearray(CLOSE["avif"])
    at = avif.index(b"ispe") + 8
    avif[at : at + 8] = struct.pack(">II", side, side)
    for data, reason in ((tiff, Reason.TOO_LARGE), (bytes(avif), Reason.TOO_LARGE)):
        rejection = decode(data, 320, 180).rejection
        assert rejection is not None
        assert rejection.reason == reason
    assert decode(bytes(webp), 320, 180).rejection is not None


@pytest.mark.parametrize("name", ["avif", "avif with alpha"])
@pytest.mark.parametrize("claim", [(641, 360), (6400, 3600), (7000, 7000), (8000, 8000)])
def test_an_avif_is_not_enlarged(name: str, claim: tuple[int, int]) -> None:
    """Its decoder would, to the size that the header claims."""
    data = bytearray(CLOSE[name])
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", *claim)
    rejection = decode(bytes(data), 320, 180).rejection
    assert rejection is not None
    large = claim[0] * claim[1] > MAX_WHOLE_PIXELS
    assert rejection.reason == (Reason.TOO_LARGE if large else Reason.UNDECODABLE)


def test_large_av1_data_behind_a_small_size() -> None:
    flat = Image.new("L", (2048, 2048))
    data = bytearray(saved(flat, "AVIF", speed=10))
    sequence = data.index(bytes([0x0A]), data.index(b"mdat"))
    header = data[sequence + 2 : sequence + 2 + data[sequence + 1]]
    bits = list("".join(f"{byte:08b}" for byte in header))
    assert bits[4] == "1", "a header of a still picture"
    assert bits[10:18] == list("10101010"), "11 bits for each side"
    bits[18:40] = "1" * 22
    assert decode(bytes(data), 320, 180).rejection is None
    # A hundred pictures of four million pixels each, as one item.
    unit = bytes(data[sequence : sequence + 2 + len(header)])
    end = len(data)
    grown = bytes(data) + unit * 100
    span = struct.pack(">I", end - sequence + 2)
    assert span not in grown[:8]
    size = data.index(b"mdat") - 4
    grown = grown[:size] + struct.pack(">I", len(grown) - size) + grown[size + 4 :]
    length = struct.pack(">I", end - size - 8)
    at = grown.index(length, grown.index(b"iloc"))
    grown = grown[:at] + struct.pack(">I", len(grown) - size - 8) + grown[at + 4 :]
    rejection = decode(grown, 320, 180).rejection
    assert rejection is not None
    assert rejection.reason == Reason.TOO_LARGE


def test_what_has_no_decoder_says_so() -> None:
    heic = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100)
    gif = saved(COLOURS, "GIF")
    floats = saved(Image.fromarray(SHADES.astype(np.float32)), "TIFF")
    for data, word in ((heic, "HEIC"), (gif, "JPEG"), (floats, "32 bits")):
        rejection = decode(data, 320, 180).rejection
        assert rejection is not None
        assert rejection.reason == Reason.UNDECODABLE
        assert word in rejection.detail


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
def test_orientations(kind: str, orientation: int) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = COLOURS.transpose(inverse[orientation]) if orientation > 1 else COLOURS
    options: dict[str, Any] = {"quality": 90, "speed": 9} if kind == "AVIF" else {}
    found = decode(saved(stored, kind, exif=exif, **options), 640, 360)
    assert found.header is not None
    assert (found.header.width, found.header.height) == (640, 360)
    assert found.pixels is not None
    assert np.abs(found.pixels.astype(int) - PHOTOGRAPH).mean() < 4
