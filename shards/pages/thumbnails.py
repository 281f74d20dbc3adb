"""Small pictures for a page, as `data:` URIs. What cannot be shown is None, never an error."""

import base64
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from shards.console import progress
from shards.errors import WorkError
from shards.store import Store

MAX_BYTES = 16 << 20
MAX_PIXELS = 64_000_000
MAX_THUMBNAIL_BYTES = 14_000
"""For each 240 pixels of width: noise takes several times the bytes of a photograph."""
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
_TRIES = ((1, 75), (1, 55), (1, 35), (2, 35), (4, 35))
"""By how much a thumbnail is made smaller, and its quality: the last is small whatever it shows."""

Place = tuple[str, int, int]
"""A file inside the dataset, and the offset and size of a picture's bytes in it."""


def thumbnail(data: bytes, width: int) -> str | None:
    """A JPEG at most `width` wide and 3/2 of it high.

    None for what is not a picture or claims too many pixels.
    """
    with _warnings_as_errors():
        return _thumbnail(data, width)


@contextmanager
def _warnings_as_errors() -> Iterator[None]:
    """A bomb or a damaged header is no picture. For all threads, so it stands around them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _thumbnail(data: bytes, width: int) -> str | None:
    most = MAX_THUMBNAIL_BYTES * width // 240
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (width * 2, width * 2))
            small = image.convert("RGB")
        small.thumbnail((width, width * 3 // 2), Image.Resampling.LANCZOS)
        for shrink, quality in _TRIES:
            out = io.BytesIO()
            small.reduce(shrink).save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= most:
                break
    # Pillow's decoders raise many types for damaged data; each means the same here.
    except Exception:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def stored_thumbnail(store: Store, file: str, offset: int, size: int, width: int) -> str | None:
    """The picture at a place inside one of the dataset's tars."""
    with _warnings_as_errors():
        return _stored(store, file, offset, size, width)


def _stored(store: Store, file: str, offset: int, size: int, width: int) -> str | None:
    if not 0 < size <= MAX_BYTES or offset < 0:
        return None
    try:
        return _thumbnail(store.read_range(file, offset, size), width)
    except WorkError:
        return None


def stored_thumbnails(store: Store, places: Iterable[Place], width: int) -> dict[Place, str | None]:
    """`stored_thumbnail` of each place, once for each: decoders run beside one another."""
    different = list(dict.fromkeys(places))

    def small(place: Place) -> str | None:
        return _stored(store, *place, width)

    found = {}
    with (
        _warnings_as_errors(),
        progress("pictures", len(different)) as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        images = pool.map(small, different)
        for place, image in zip(different, images, strict=True):
            found[place] = image
            advance()
    return found


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
