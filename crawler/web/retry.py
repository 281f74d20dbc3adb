"""What an HTTP status means, whether to try again, and after how long: pure functions."""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crawler.reasons import FailReason
from crawler.web.errors import FetchError

_BY_STATUS = {
    401: FailReason.FORBIDDEN,
    403: FailReason.FORBIDDEN,
    404: FailReason.NOT_FOUND,
    408: FailReason.TIMEOUT,
    410: FailReason.NOT_FOUND,
    429: FailReason.RATE_LIMITED,
    451: FailReason.FORBIDDEN,
    504: FailReason.TIMEOUT,
}
RETRIED = frozenset(
    {
        FailReason.UNREACHABLE,
        FailReason.TIMEOUT,
        FailReason.SERVER_ERROR,
        FailReason.RATE_LIMITED,
    }
)
NOT_RETRIED_STATUSES = frozenset({501, 505})


@dataclass(frozen=True, slots=True)
class RetryRules:
    attempts: int = 4
    """Requests for one address at most, redirects not counted."""
    first_seconds: float = 0.5
    """Mean delay before the second one; it doubles each time."""
    longest_seconds: float = 60.0


def status_reason(status: int) -> FailReason:
    """The reason of an answer that is neither a success nor a redirect."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return FailReason.CLIENT_ERROR
    return FailReason.SERVER_ERROR if status >= 500 else FailReason.BAD_ANSWER


def retry_delay(error: FetchError, attempt: int, url: str, rules: RetryRules) -> float | None:
    """Seconds before the next request after the failure of number `attempt` (from 1), or None.

    Exponential, spread over 50 to 150 % by a hash of (url, attempt), so that a crawl that is run
    again waits the same. What the server asks for is never undercut.
    """
    retried = error.reason in RETRIED and error.status not in NOT_RETRIED_STATUSES
    if error.final or not retried or attempt >= rules.attempts:
        return None
    digest = hashlib.blake2b(f"{attempt}:{url}".encode(), digest_size=8).digest()
    spread = 0.5 + int.from_bytes(digest) / 2**64
    delay = min(rules.first_seconds * 2.0 ** (attempt - 1) * spread, rules.longest_seconds)
    return max(delay, error.retry_after or 0.0)


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """A Retry-After header in either form of RFC 9110: seconds, or an HTTP date.

    `now` in seconds since 1970. None for no or no valid header; a date that is past gives 0.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now, UTC)).total_seconds())
