import pytest

from crawler.reasons import FailReason
from crawler.web.errors import FetchError, shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://example.org/a.jpg?key=secret#x", "https://example.org/a.jpg"),
        ("https://user:secret@example.org:8443/a", "https://example.org:8443/a"),
        ("http://[x", "(not an address)"),
        ("http://a:b/", "(not an address)"),
    ],
)
def test_an_address_is_shown_without_secrets(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_detail_is_one_short_line() -> None:
    error = FetchError(FailReason.TIMEOUT, "a\n  b" + "c" * 500)
    assert error.detail.startswith("a bcc")
    assert len(error.detail) == 200


def test_the_same_failure_once_more() -> None:
    error = FetchError(FailReason.TIMEOUT, "x", retry_after=3.0, status=504)
    again = error.again("y", final=True)
    assert again is not error
    assert (again.reason, again.detail, again.retry_after, again.status, again.final) == (
        FailReason.TIMEOUT, "y", 3.0, 504, True,
    )  # fmt: skip
