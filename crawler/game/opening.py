"""Why a game's first page could not be had: pure functions of what the browser brought instead."""

import time
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from scrapy.exceptions import IgnoreRequest

from crawler.game.port import Outcome
from crawler.reasons import FailReason
from crawler.web.retry import retry_after_seconds


def refused(response: Any) -> Outcome | None:
    """How a game ends whose first page the server could not give; None when there is a page."""
    if response.status != 429 and response.status < 500:
        return None
    text = response.headers.get("Retry-After", b"").decode("latin-1")
    retry_after = retry_after_seconds(text, time.time())
    asked = response.status == 429 or retry_after is not None
    return Outcome(
        reason=FailReason.RATE_LIMITED if asked else FailReason.SERVER_ERROR,
        detail=f"the server answered {response.status}",
        retry_after=retry_after,
    )


def why_not_opened(error: BaseException) -> FailReason:
    """The reason for which there was no page at all."""
    if isinstance(error, IgnoreRequest):
        return FailReason.ROBOTS
    if isinstance(error, TimeoutError | PlaywrightTimeoutError):
        return FailReason.TIMEOUT
    if isinstance(error, PlaywrightError) and "net::" in str(error):
        return FailReason.UNREACHABLE
    return FailReason.BROWSER
