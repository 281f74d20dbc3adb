"""PNG: every kind of pixel, every kind of damage, and files that would inflate for ever."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from enrich.images.decode import decode
from enrich.images.image import MAX_WHOLE_PIXELS, Pixels
from enrich.images.png import START
from shards.schema import Reason
from tests.enrich.samples import encoded, picture

WIDTH, HEIGHT = 640, 360
PHOTOGRAPH = picture(6, WIDTH, HEIGHT)
GREY, GREY_ALPHA, PALETTE, RGB, RGBA = 0, 4, 3, 2, 6
# Adam7: first row, first column, step of rows, step of columns of the seven passes.
PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    image: bytes,
    kind: int,
    depth: int,
    *extra: bytes,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    interlaced: bool = False,
) -> bytes:
    """A file with this compressed `image`."""
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced)
    data = chunk(b"IDAT", image)
    return b"".join([START, chunk(b"IHDR", header), *extra, data, chunk(b"IEND", b"")])


def rows(samples: np.ndarray) -> bytes:
    """Unfiltered rows of big-endian samples."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def deep(pixels: Pixels) -> np.ndarray:
    """16 bits, the lower eight of which are noise."""
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint16)
    return (pixels.astype(np.uint16) << 8 | noise).astype(">u2")


def interlaced_rows(samples: np.ndarray) -> bytes:
    return b"".join(rows(np.ascontiguousarray(samples[r::dr, c::dc])) for r, c, dr, dc in PASSES)


COLOURS = PHOTOGRAPH[:, :, ::-1]
SHADES = cv2.cvtColor(PHOTOGRAPH, cv2.COLOR_BGR2GRAY)
ALPHA = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
KINDS = {
    "rgb": png(zlib.compress(rows(COLOURS)), RGB, 8),
    "rgb 16": png(zlib.compress(rows(deep(COLOURS))), RGB, 16),
    "rgba": png(zlib.compress(rows(np.dstack([COLOURS, ALPHA]))), RGBA, 8),
    "rgba 16": png(zlib.compress(rows(deep(np.dstack([COLOURS, ALPHA])))), RGBA, 16),
    "grey": png(zlib.compress(rows(SHADES)), GREY, 8),
    "grey 16": png(zlib.compress(rows(deep(SHADES))), GREY, 16),
    "grey alpha": png(zlib.compress(rows(np.dstack([SHADES, ALPHA]))), GREY_ALPHA, 8),
    "grey alpha 16": png(zlib.compress(rows(deep(np.dstack([SHADES, ALPHA])))), GREY_ALPHA, 16),
    "interlaced": png(zlib.compress(interlaced_rows(COLOURS)), RGB, 8, interlaced=True),
    "interlaced 16": png(zlib.compress(interlaced_rows(deep(SHADES))), GREY, 16, interlaced=True),
    "transparent colour": png(
        zlib.compress(rows(COLOURS)), RGB, 8, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_pixel(name: str) -> None:
    expected = np.dstack([SHADES] * 3) if "grey" in name or name == "interlaced 16" else PHOTOGRAPH
    found = decode(KINDS[name], WIDTH, HEIGHT)
    assert found.pixels is not None, found.rejection
    assert np.array_equal(found.pixels, expected)
    assert found.header is not None
    assert found.header.format == "PNG"


@pytest.mark.parametrize("transparency", [b"", b"\0\x80\xff\1"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes(depth: int, transparency: bytes) -> None:
    colours = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), dtype=np.uint8)
    numbers = np.random.default_rng(2).integers(0, 2**depth, (HEIGHT, WIDTH), dtype=np.uint8)
    bits = np.unpackbits(numbers[:, :, None], axis=2)[:, :, 8 - depth :]
    packed = np.packbits(bits.reshape(HEIGHT, -1), axis=1)
    extra = [chunk(b"PLTE", colours.tobytes())]
    if transparency:
        extra.append(chunk(b"tRNS", transparency[: 2**depth]))
    found = decode(png(zlib.compress(rows(packed)), PALETTE, depth, *extra), WIDTH, HEIGHT)
    assert found.pixels is not None, found.rejection
    assert np.array_equal(found.pixels, colours[numbers][:, :, ::-1])


@pytest.mark.parametrize("size", [(320, 180), (2560, 1440)])
def test_as_opencv_decodes_it(size: tuple[int, int]) -> None:
    pixels = picture(8, *size)
    found = decode(encoded(pixels, "png"), 320, 180)
    assert found.pixels is not None
    assert np.array_equal(found.pixels, pixels)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["rgb", "interlaced", "grey alpha 16"]), st.floats(0, 1), st.integers(0, 7))
def test_no_flipped_bit_of_the_picture_passes(name: str, where: float, bit: int) -> None:
    damaged = bytearray(KINDS[name])
    end = len(damaged) - 12  # behind it is the end chunk
    damaged[int(where * (end - 1))] ^= 1 << bit
    assert decode(bytes(damaged), 320, 180).rejection is not None


def test_checksums_are_looked_at() -> None:
    """Without them, many flipped bits would change only the colours."""
    data = KINDS["rgb"]
    for at in range(60, len(data) - 20, len(data) // 100):
        damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        rejection = decode(damaged, 320, 180).rejection
        assert rejection is not None
        assert "damaged PNG chunk IDAT" in rejection.detail


HALF = HEIGHT // 2
SHORT = {
    "rgb": png(zlib.compress(rows(COLOURS[:HALF])), RGB, 8),
    "all but one row": png(zlib.compress(rows(COLOURS[:-1])), RGB, 8),
    "interlaced": png(
        zlib.compress(interlaced_rows(COLOURS)[: -WIDTH * 3 - 1]), RGB, 8, interlaced=True
    ),
    "palette": png(
        zlib.compress(rows(ALPHA[:HALF])), PALETTE, 8, chunk(b"PLTE", bytes(range(3, 255)) * 3)
    ),
    "grey 16": png(zlib.compress(rows(deep(SHADES)[:HALF])), GREY, 16),
}


@pytest.mark.parametrize("name", SHORT)
def test_too_little_image_data(name: str) -> None:
    """Pillow leaves the rest black, or in the first colour of the palette, and says nothing."""
    rejection = decode(SHORT[name], 320, 180).rejection
    assert rejection is not None
    assert rejection.reason == Reason.TRUNCATED


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """Ten megabytes that inflate to as many gigabytes."""
    once = zlib.compress(bytes(1 << 24), 9)
    body = once[2:-4]
    assert body[0] & 1 == 0, "more than one block"
    stream = zlib.compressobj(9)
    block = stream.compress(bytes(1 << 26)) + stream.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same blocks can come again.
    return block + block[2:] * 150


@pytest.mark.parametrize(
    "bomb",
    [b"zTXt\0\0", b"iCCP\0\0", b"iTXt\0\1\0\0\0"],
    ids=["zTXt", "iCCP", "iTXt"],
)
def test_what_is_no_picture_is_not_inflated(bomb: bytes, zeros: bytes) -> None:
    extra = chunk(bomb[:4], b"name" + bomb[4:] + zeros)
    found = decode(png(zlib.compress(rows(COLOURS)), RGB, 8, extra), 320, 180)
    assert found.pixels is not None
    assert np.array_equal(found.pixels, PHOTOGRAPH)


def test_nothing_is_inflated_behind_the_picture(zeros: bytes) -> None:
    found = decode(png(zeros, RGB, 8), 320, 180)
    assert found.pixels is not None
    assert not found.pixels.any()


def test_limits() -> None:
    side = int(MAX_WHOLE_PIXELS**0.5) + 1
    for size, reason in (
        ((side, side), Reason.TOO_LARGE),
        ((20_000, 20_000), Reason.TOO_LARGE),
        ((2**31 - 1, 2**31 - 1), Reason.TOO_LARGE),
        ((2**31, 360), Reason.UNDECODABLE),  # more than the format allows, and a row holds
        ((0, 0), Reason.TOO_SMALL),
        ((7000, 7000), Reason.TRUNCATED),
    ):
        rejection = decode(png(zlib.compress(b"\0"), RGB, 8, size=size), 320, 180).rejection
        assert rejection is not None
        assert rejection.reason == reason
    many = chunk(b"tEXt", b"") * 100_001
    rejection = decode(png(zlib.compress(rows(COLOURS)), RGB, 8, many), 320, 180).rejection
    assert rejection is not None
    assert rejection.reason == Reason.UNDECODABLE


@pytest.mark.parametrize("tail", [True, False])
def test_orientation_before_and_behind_the_picture(tail: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    file = io.BytesIO()
    Image.fromarray(COLOURS).save(file, "PNG")
    data = file.getvalue()
    at = len(data) - 12 if tail else 33
    found = decode(data[:at] + extra + data[at:], 180, 320)
    assert found.header is not None
    assert (found.header.width, found.header.height) == (HEIGHT, WIDTH)
    assert found.pixels is not None
    assert np.array_equal(found.pixels, cv2.rotate(PHOTOGRAPH, cv2.ROTATE_90_CLOCKWISE))
