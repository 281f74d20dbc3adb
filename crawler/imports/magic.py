"""Which image format bytes are in, by their first bytes; names lie too often."""

from shards.segment import IMAGE_EXTENSIONS

UNKNOWN_EXTENSION = "bin"
_PREFIXES = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
    b"GIF8": UNKNOWN_EXTENSION,
    b"BM": UNKNOWN_EXTENSION,
}
# Major brands of ISO base media files, from the registries of the HEIF and AVIF formats.
_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "heic"
)
HEAD_BYTES = 16


def image_extension(head: bytes) -> str | None:
    """The extension of an image that begins with `head` (16 bytes suffice), None for no image.

    `bin` stands for image formats that segments have no extension for.
    """
    for prefix, extension in _PREFIXES.items():
        if head.startswith(prefix):
            return extension
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def has_image_name(name: str) -> bool:
    """True when the name's extension is one of an image, whatever the bytes are."""
    extension = name.rpartition(".")[2].lower()
    return extension in (IMAGE_EXTENSIONS | {"gif", "bmp", "jpe", "heif"}) - {UNKNOWN_EXTENSION}
