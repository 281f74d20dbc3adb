"""Small pictures for the report, as `data:` URIs. What cannot be shown is None, never an error."""

import base64
import io
import warnings
from pathlib import Path

from PIL import Image

from shards.errors import WorkError
from shards.paths import inside
from shards.read import read_range

MAX_BYTES = 16 << 20
MAX_PIXELS = 64_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")


def thumbnail(data: bytes, width: int) -> str | None:
    """A JPEG at most `width` wide; None for what is not a picture or claims too many pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a bomb or a damaged header is no picture
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    return None
                image.draft("RGB", (width * 2, width * 2))
                small = image.convert("RGB")
        small.thumbnail((width, width), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80, optimize=True)
    # Pillow's decoders raise many types for damaged data; each means the same here.
    except Exception:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def stored_thumbnail(root: Path, file: str, offset: int, size: int, width: int) -> str | None:
    """The picture at a place inside one of the dataset's tars."""
    path = inside(root, file)
    if path is None or not 0 < size <= MAX_BYTES or offset < 0:
        return None
    try:
        return thumbnail(read_range(path, offset, size), width)
    except WorkError:
        return None


def file_thumbnail(root: Path, name: str, width: int) -> str | None:
    """A picture file inside the dataset; a file elsewhere is not the report's to copy."""
    for path in (root / name, Path(name)):
        try:
            within = path.resolve().is_relative_to(root.resolve())
            if within and path.is_file() and path.stat().st_size <= MAX_BYTES:
                return thumbnail(path.read_bytes(), width)
        except (OSError, ValueError):
            continue
    return None
