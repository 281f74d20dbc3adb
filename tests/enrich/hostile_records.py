"""Hostile records, names and archives; see `hostile` for hostile images."""

# ruff: noqa: RUF001 - digits that look like others are the point

import itertools
import json
import struct
import tarfile
from collections.abc import Iterator

from crawler.imports.exif import exif_fields
from tests.enrich.hostile import WHOLE, Input, all_fields, member, photograph, record, with_json

NUMBERS = (
    *("nan", "NaN", "inf", "-inf", "Infinity", "1e308", "-1e308", "1e309", "1e-400", "0/0", "1/0"),
    *("1_0", "٣", "𝟓𝟓", "0x10", "--5", "+-5", "5,7", "55.7 N", "55°42′", "55.7abc", "None", "null"),
    *("", " ", "\t\n", "\0", "91", "-91", "181", "-181", "90.0000001", "1e2", "1e999", "-0", "[]"),
    *("9" * 5000, "." * 100, "1." + "0" * 100_000, "\ud800", "\u202e55.7", "'; DROP TABLE", "٫5"),
)
TIMES = (
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2020-02-30T00:00:00Z", "now"),
    *("2020-01-01", "2020-01-01T25:00:00Z", "-2020-01-01T00:00:00Z", "20200101T000000Z", "1e9"),
    *("2020-W01-1T00:00:00Z", "2020-01-01T00:00:00+99:99", "２０２０-01-01T00:00:00Z", "\0"),
)
EXTRAS = (
    *("", "[]", "null", "{", '{"heading":NaN}', '{"heading":1e999}', '{"heading":"9"}'),
    *('{"heading":[[]]}', '{"heading":' + "9" * 400 + "}", '{"heading":' + "9" * 9000 + "}"),
    *('{"heading":' + "[" * 90_000, "\ud800", '{"heading":true}', '{"heading":-1e-320}', "\0"),
    *('{"projection":"equirectangular"}', '{"projection":{}}', '{"field_of_view":1e308}'),
)


def texts() -> Iterator[Input]:
    """Text in place of numbers, times and everything else."""
    data = WHOLE["jpg"]
    odd = {
        "lat": NUMBERS,
        "lon": NUMBERS,
        "captured_at": TIMES,
        "extra": EXTRAS,
        "country": NUMBERS,
    }
    for name, values in odd.items():
        for number, value in enumerate(values):
            yield photograph(data, f"text-{name}-{number}", sound=True, **{name: value})
    for number, value in enumerate((*NUMBERS, *TIMES, *EXTRAS)):
        key = f"all-{number}"
        yield Input((member(f"{key}.jpg", data), member(f"{key}.json", all_fields(key, value))))
        yield photograph(data, f"place-{number}", sound=True, lat="", lon="", country=value)


def records() -> Iterator[Input]:
    """JSON that is no record."""
    good = json.loads(record("good"))
    for name, value in itertools.product(good, (None, 1, 1.5, True, [], {}, [[]], {"a": "b"})):
        key = f"typed-{name}-{type(value).__name__}-{len(str(value))}"
        yield with_json(json.dumps(good | {"key": key, name: value}).encode(), key)
    for name in ("key", "source", "source_id"):
        less = {other: value for other, value in good.items() if other != name}
        yield with_json(json.dumps(less).encode(), f"less-{name}")
    odd = (
        *(
            b"",
            b"null",
            b"[]",
            b'""',
            b"0",
            b"NaN",
            b"{}",
            b"{",
            b"\xff\xfe",
            b"\xef\xbb\xbf{}",
            b"\0",
        ),
        *(
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"9" * 100_000,
            b'{"key":"\\ud800"}',
            b" " * 1_100_000,
        ),
        *(b'{"key":"a","key":"b"}', record("another"), record("good")[:-5], bytes(1000)),
        *(record("good", extra="x" * 2_000_000), record("\ud800"), record("..")),
    )
    for number, data in enumerate(odd):
        yield with_json(data, f"record-{number}")


def names() -> Iterator[Input]:
    """Names that are no keys, or would lead out of the dataset."""
    odd = (
        *("a.b", "a.b.c", ".", "..", "...", ".hidden", "", " ", "a b", "a\nb", "a\tb", "a\x7fb"),
        *(
            "../a",
            "../../a",
            "../../../../../../tmp/a",
            "/a",
            "/etc/passwd",
            "//a",
            "a/b",
            "a/../b",
        ),
        *(
            "./a",
            "a/./b",
            "..\\a",
            "C:\\a",
            "a:b",
            "a*",
            "a?",
            "$(a)",
            "`a`",
            "-a",
            "--help",
            "%2e%2e",
        ),
        *(
            "x" * 65,
            "x" * 300,
            "x/" * 200,
            "é",
            "日本",
            "e\u0301",
            "\u202ea",
            "a\u0000"[:1],
            "🙂",
            "NUL",
        ),
        *("\udcff", "test-1.jpg", "a.json", "a.tar", "~", "~root", "a;b", "a|b", "a&b", "'", '"'),
    )
    for number, name in enumerate(odd):
        data = WHOLE["jpg"]
        named = name.encode("utf-8", "replace").decode()
        # The record agrees with the name, or with what is left of it, or has a key of its own.
        for key in {named, named.rpartition("/")[2].partition(".")[0], f"own-{number}"}:
            members = (member(f"{name}.jpg", data), member(f"{name}.json", record(key)))
            # A separator keeps equal names of neighbours apart.
            between = member(f"between-{number}-{abs(hash(key)) % 9}.jpg")
            yield Input((*members, between), captures=2, sound=True)


def archives() -> Iterator[Input]:
    """Links, devices, and members that are missing, doubled, or far from each other."""
    data = WHOLE["jpg"]

    def pair(key: str) -> tuple[object, object]:
        return member(f"{key}.jpg", data), member(f"{key}.json", record(key))

    for number, (kind, link) in enumerate(
        itertools.product(
            (tarfile.SYMTYPE, tarfile.LNKTYPE),
            ("/etc/passwd", "../../../etc/passwd", "link-0.jpg", "", "x" * 300),
        )
    ):
        key = f"link-{number}"
        linked = member(f"{key}.jpg", kind=kind, link=link)
        yield Input((linked, member(f"{key}.json", record(key))))
        yield Input((linked,), captures=0)
    for kind in (tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE):
        key = f"special-{kind.decode()}"
        yield Input((member(f"{key}.jpg", kind=kind), member(f"{key}.json", record(key))))
    for kind in (b"8", b"A", b"Z", tarfile.CONTTYPE):  # unknown kinds count as regular files
        key = f"kind-{kind.decode()}"
        yield Input(
            (member(f"{key}.jpg", data, kind), member(f"{key}.json", record(key))), sound=True
        )
    image, json_member = member("parts.jpg", data), member("parts.json", record("parts"))
    other = photograph(data, "other", sound=True).members
    yield Input((image,))
    yield Input((member("lonely.json", record("lonely")),))
    yield Input((image, *other, json_member), captures=3, sound=True)
    yield Input((json_member, image), sound=True)
    yield Input((*other, *other), captures=2, sound=True)
    yield Input((image, image, json_member), captures=2, sound=True)
    yield Input((image, json_member, json_member), captures=2, sound=True)
    yield Input((member("two.jpg", data), member("two.png", WHOLE["png"])), captures=1)
    two = (member("both.jpg", data), member("both.png", WHOLE["png"]))
    yield Input((*two, member("both.json", record("both"))), sound=True)
    yield Input((member("odd.exe", data), member("odd.json", record("odd"))))
    yield Input((member("UPPER.JPG", data), member("UPPER.JSON", record("UPPER"))), sound=True)


def _exif(rationals: tuple[bytes, int, int], pointer: int | None = None) -> bytes:
    """A JPEG whose GPS directory has these as its coordinates: (bytes, type, count)."""
    content, kind, count = rationals
    gps_at, values_at = 26, 26 + 2 + 6 * 12 + 4
    entries = b"".join(
        struct.pack("<HHII", tag, kind, count, values_at) if tag in (2, 4, 7, 17)
        else struct.pack("<HHI4s", tag, 2, 2, b"NE"[tag // 3 : tag // 3 + 1] + b"\0\0\0")
        for tag in (1, 2, 3, 4, 7, 17)
    )  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, 1)
    where = gps_at if pointer is None else pointer
    head += struct.pack("<HHII", 0x8825, 4, 1, where) + bytes(4)
    body = b"Exif\0\0" + head + struct.pack("<H", 6) + entries + bytes(4) + content
    data = WHOLE["jpg"]
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def positions() -> Iterator[Input]:
    """Absurd positions in EXIF, read as `lostfound import` reads them."""
    whole = (0, 1, 2**31, 2**32 - 1, 5570, 100)
    kinds = [
        (struct.pack("<IIIIII", a, b, c, d, a, d), 5, 3)
        for a, b, c, d in itertools.product(whole, repeat=4)
    ]
    floats = (float("nan"), float("inf"), 1e308, -1.79e308, 1.797e308, 5e-324)
    kinds += [(struct.pack("<ddd", *three), 12, 3) for three in itertools.product(floats, repeat=3)]
    kinds += [(bytes(8), kind, count) for kind in range(20) for count in (0, 1, 2, 2**32 - 1)]
    pictures = [_exif(one) for one in kinds]
    pictures += [_exif(kinds[0], pointer) for pointer in (0, 1, 8, 10, 26, 27, 65_535, 2**32 - 1)]
    nested = b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 4)
    for tag in (0x8769, 0x8825, 0xA005, 0x014A):
        nested += struct.pack("<HHII", tag, 4, 1, 8)  # a directory that holds itself
    nested += struct.pack("<I", 8)
    data = WHOLE["jpg"]
    segment = b"\xff\xe1" + struct.pack(">H", len(nested) + 2) + nested
    pictures += [data[:2] + segment * count + data[2:] for count in (1, 2, 100)]
    for number, image in enumerate(pictures):
        yield photograph(
            image, f"exif-{number}", sound=True, **{"lat": "", "lon": ""} | exif_fields(image)
        )
