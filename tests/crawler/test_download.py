"""A picture is known by its bytes, whatever the server calls it."""

import pytest

from crawler.download import as_picture
from crawler.reasons import FailReason
from crawler.web.errors import FetchError


def test_pictures() -> None:
    assert as_picture(b"\xff\xd8\xff\xe0....", "text/html").extension == "jpg"
    assert as_picture(b"RIFF....WEBPVP8 ").extension == "webp"


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\0" * 100, b"\xff\xd8"])
def test_what_is_none(body: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        as_picture(body, "image/jpeg; charset=x")
    assert caught.value.reason is FailReason.NOT_AN_IMAGE
