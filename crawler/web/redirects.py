"""Where a redirect leads, and what of the request may go there: pure functions."""

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from crawler.reasons import FailReason
from crawler.web.errors import FetchError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
HARMLESS_HEADERS = frozenset({"accept", "accept-language"})
"""What of the caller's headers also goes to another origin; the rest may be credentials."""


def harmless(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may go to another origin than the one that they were meant for."""
    return {name: value for name, value in headers.items() if name.lower() in HARMLESS_HEADERS}


def redirect_target(url: str, location: str | None) -> str:
    """Where a redirect leads, without user and password. Raises FetchError."""
    if not location:
        raise FetchError(FailReason.BAD_ANSWER, "a redirect to nowhere")
    try:
        target = urlsplit(urljoin(url, location))
    except ValueError:
        raise FetchError(FailReason.REDIRECTS, "a redirect to no address") from None
    if target.scheme not in ("http", "https"):
        raise FetchError(FailReason.REDIRECTS, "a redirect to something that is no web address")
    return target._replace(netloc=target.netloc.rpartition("@")[2], fragment="").geturl()
