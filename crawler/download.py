"""One picture from its address: fetched politely, and known by its bytes to be a picture."""

from typing import NamedTuple

from crawler.imports.magic import HEAD_BYTES, image_extension
from crawler.reasons import FailReason
from crawler.web.errors import FetchError


class Picture(NamedTuple):
    """The bytes as they came, and the extension that their format has in a segment."""

    data: bytes
    extension: str


def as_picture(body: bytes, content_type: str = "") -> Picture:
    """What a server sent, whatever it calls it. Raises FetchError when the bytes are no image."""
    extension = image_extension(body[:HEAD_BYTES])
    if extension is not None:
        return Picture(body, extension)
    if not body:
        raise FetchError(FailReason.NOT_AN_IMAGE, "an empty answer")
    called = content_type.partition(";")[0].strip()[:60]
    begins = "markup" if body.lstrip()[:1] == b"<" else f"{len(body)} bytes"
    raise FetchError(
        FailReason.NOT_AN_IMAGE,
        f"{begins} of no image format{f', called {called}' if called else ''}",
    )
