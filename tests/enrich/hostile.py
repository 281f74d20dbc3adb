"""Captures as an enemy, a broken disk or a careless program would write them.

A tar member is a name and content, or a whole header; an input is one or more members, and how
many captures they must be counted as. Everything is generated, and the same every time.
"""

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from enrich.images.image import Pixels
from shards.tar import END_OF_ARCHIVE
from tests.enrich.samples import capture, picture

WIDTH, HEIGHT = 40, 24
"""Of the small photographs, which are larger than the working size of the tests."""
_FIELDS = ((0, 100), (124, 136), (156, 157), (157, 257), (257, 265), (345, 500))
"""Of a tar header: name, size, kind, link, magic and prefix (POSIX.1-1988)."""
Member = tuple[tarfile.TarInfo, bytes]


@dataclass(frozen=True, slots=True)
class Input:
    members: tuple[Member, ...]
    captures: int = 1
    sound: bool = False
    """True when a photograph may come of it."""


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def record(key: str, **values: str) -> bytes:
    return capture(key, **values).to_json()


def photograph(
    data: bytes, key: str, extension: str = "jpg", sound: bool = False, **values: str
) -> Input:
    """A capture with these image bytes and an ordinary record."""
    return Input(
        (member(f"{key}.{extension}", data), member(f"{key}.json", record(key, **values))),
        sound=sound,
    )


def with_json(data: bytes, key: str) -> Input:
    """A capture with an ordinary photograph and this as its record."""
    return Input((member(f"{key}.jpg", WHOLE["jpg"]), member(f"{key}.json", data)))


def write_tar(path: Path, inputs: list[Input]) -> None:
    """Writes what `SegmentWriter` would refuse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for info, data in (one for single in inputs for one in single.members):
            file.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            file.write(data + bytes(-len(data) % tarfile.BLOCKSIZE))
        file.write(END_OF_ARCHIVE)


def with_damaged_headers(data: bytes, random: np.random.Generator) -> bytes:
    """A tar with some bytes of its headers changed, and their checksums right again."""
    damaged = bytearray(data)
    blocks = range(0, len(data) - len(END_OF_ARCHIVE), tarfile.BLOCKSIZE)
    headers = [at for at in blocks if data[at + 257 : at + 262] == b"ustar"]
    for at in random.choice(headers, 3):
        start, end = _FIELDS[int(random.integers(len(_FIELDS)))]
        values = b"\0\x80\xff 01789xgLKSV\xfe"  # digits, kinds of members, marks of large numbers
        for _ in range(int(random.integers(1, 4))):
            position = at + int(random.integers(start, end))
            damaged[position] = values[int(random.integers(len(values)))]
        header = damaged[at : at + 148] + b" " * 8 + damaged[at + 156 : at + 512]
        damaged[at + 148 : at + 156] = b"%06o\0 " % sum(header)
    return bytes(damaged)


def saved(pixels: Pixels, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, ::-1]).save(file, kind, **options)
    return file.getvalue()


def _small() -> Pixels:
    return np.asarray(cv2.resize(picture(2, 80, 48), (WIDTH, HEIGHT)), np.uint8)


WHOLE = {
    "jpg": saved(_small(), "JPEG", quality=50),
    "jpeg": saved(_small(), "JPEG", quality=40, progressive=True),
    "png": saved(_small() // 16 * 16, "PNG"),
    "webp": saved(_small(), "WEBP"),
    "tif": saved(_small() // 32 * 32, "TIFF", compression="tiff_adobe_deflate"),
    "avif": saved(_small(), "AVIF", speed=9),
}


def whole() -> Iterator[Input]:
    for name, data in WHOLE.items():
        yield photograph(data, f"whole-{name}", name, sound=True)


def cut() -> Iterator[Input]:
    """Every file, cut at every byte; JPEGs also with an end marker behind the cut."""
    for name, data in WHOLE.items():
        for size in range(len(data)):
            # Without its last bytes, all of the picture may still be there.
            sound = size > len(data) - 16 and name not in ("jpg", "jpeg", "png")
            yield photograph(data[:size], f"cut-{name}-{size}", name, sound)
            if name in ("jpg", "jpeg") and size < len(data) - 16:
                yield photograph(data[:size] + b"\xff\xd9", f"closed-{name}-{size}", name)


def flipped(count: int, seed: int = 0) -> Iterator[Input]:
    """Files with one to four flipped bits, or with a stretch of other bytes."""
    random = np.random.default_rng(seed)
    names = sorted(WHOLE)
    for number in range(count):
        name = names[number % len(names)]
        data = bytearray(WHOLE[name])
        if number % 5:
            for _ in range(int(random.integers(1, 5))):
                data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        else:
            start, length = (int(random.integers(1, len(data))) for _ in range(2))
            data[start : start + length] = random.bytes(int(random.integers(0, 200)))
        yield photograph(bytes(data), f"flipped-{seed}-{number}", name, sound=True)


def misnamed() -> Iterator[Input]:
    """The wrong extension, which nobody minds; and what is no image at all."""
    extensions = sorted({*WHOLE, "bin", "heic", "tiff"})
    for name, data in WHOLE.items():
        for extension in extensions:
            yield photograph(data, f"named-{name}-{extension}", extension, sound=True)
    texts = (b"", b"\0", b"<html><body>429 Too Many Requests", b"%PDF-1.7", b"\xff\xd8", bytes(999))
    gif = saved(_small(), "GIF")
    heic = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100)
    for number, data in enumerate(
        (*texts, gif, heic, *(text + WHOLE["jpg"] for text in texts[1:4]))
    ):
        for extension in extensions:
            yield photograph(data, f"no-{number}-{extension}", extension)


def sized() -> Iterator[Input]:
    """One pixel; and headers that promise far more pixels than there are."""
    dot = _small()[:1, :1]
    for name, kind in (
        ("jpg", "JPEG"),
        ("png", "PNG"),
        ("webp", "WEBP"),
        ("tif", "TIFF"),
        ("avif", "AVIF"),
    ):
        yield photograph(saved(dot, kind), f"dot-{name}", name)
    for side in (0, 41, 5000, 8000, 20_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1):
        jpg, png, tif = (bytearray(WHOLE[name]) for name in ("jpg", "png", "tif"))
        frame = jpg.index(b"\xff\xc0")
        jpg[frame + 5 : frame + 9] = struct.pack(">HH", *[min(side, 65_535)] * 2)
        png[16:24] = struct.pack(">II", side, side)
        png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
        for tag in (256, 257):
            at = tif.index(struct.pack("<HHI", tag, 3, 1))
            tif[at + 2 : at + 12] = struct.pack("<HII", 4, 1, side)
        avif = bytearray(WHOLE["avif"])
        at = avif.index(b"ispe") + 8
        avif[at : at + 8] = struct.pack(">II", side, side)
        webp = b"VP8X" + struct.pack("<II", 10, 0) + struct.pack("<I", max(side - 1, 0))[:3] * 2
        webp = b"RIFF" + struct.pack("<I", len(webp) + 4 + len(WHOLE["webp"]) - 12) + b"WEBP" + webp
        webp += WHOLE["webp"][12:]
        for name, data in (
            ("jpg", jpg),
            ("png", png),
            ("tif", tif),
            ("avif", avif),
            ("webp", webp),
        ):
            yield photograph(bytes(data), f"side-{name}-{side}", name)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def bombs() -> Iterator[Input]:
    """Small files that inflate to much, or are much work."""
    stream = zlib.compressobj(9)
    block = stream.compress(bytes(1 << 26)) + stream.flush(zlib.Z_FULL_FLUSH)
    zeros = block + block[2:] * 30  # two gigabytes
    png = WHOLE["png"]
    for kind in (b"zTXt", b"iCCP", b"iTXt", b"tEXt", b"eXIf", b"IDAT", b"fdAT", b"PLTE", b"abcD"):
        prefix = {b"zTXt": b"k\0\0", b"iCCP": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}.get(kind, b"")
        for at in (33, len(png) - 12):
            data = png[:at] + chunk(kind, prefix + zeros) + png[at:]
            yield photograph(data, f"bomb-{kind.decode()}-{at}", "png", sound=True)
    yield photograph(png[:33] + chunk(b"tEXt", b"") * 200_000 + png[33:], "bomb-chunks", "png")
    jpg, progressive = WHOLE["jpg"], WHOLE["jpeg"]
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    yield photograph(progressive[:-2] + last * 5000 + b"\xff\xd9", "bomb-scans")
    for number, filler in enumerate((b"\xff\xfe\0\2", b"\xff", b"\0", b"\xff\0", b"\xff\xe1\0\2")):
        data = jpg[:2] + filler * ((16 << 20) // len(filler)) + jpg[2:]
        yield photograph(data, f"bomb-filler-{number}", sound=True)


def all_fields(key: str, value: str) -> bytes:
    """A record whose every field but the key is `value`."""
    fields = asdict(capture(key)) | dict.fromkeys(
        (name for name in asdict(capture(key)) if name != "key"), value
    )
    return json.dumps(fields).encode()
