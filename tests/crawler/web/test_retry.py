from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.reasons import FailReason
from crawler.web.errors import FetchError
from crawler.web.retry import RetryRules, retry_after_seconds, retry_delay, status_reason

NOW = 1_700_000_000.0
URL = "https://example.org/a.jpg"
RULES = RetryRules(attempts=5, first_seconds=1.0, longest_seconds=6.0)


def test_delays_grow_and_stay_within_their_bounds() -> None:
    error = FetchError(FailReason.SERVER_ERROR, "HTTP 500", status=500)
    for number in range(200):
        url = f"{URL}?{number}"
        delays = [retry_delay(error, attempt, url, RULES) for attempt in range(1, 6)]
        assert delays[4] is None
        for delay, mean in zip(delays, [1, 2, 4, 6], strict=False):
            assert delay is not None
            assert min(0.5 * mean, 6) <= delay <= min(1.5 * mean, 6)


def test_the_same_address_waits_the_same_and_others_do_not_wait_together() -> None:
    error = FetchError(FailReason.TIMEOUT, "")
    delays = {retry_delay(error, 1, f"{URL}{number}", RULES) for number in range(100)}
    assert len(delays) == 100
    assert retry_delay(error, 1, URL, RULES) == retry_delay(error, 1, URL, RULES)


def test_what_the_server_asks_for_is_never_undercut() -> None:
    error = FetchError(FailReason.RATE_LIMITED, "", status=429, retry_after=90.0)
    assert retry_delay(error, 1, URL, RULES) == 90.0


@pytest.mark.parametrize("reason", FailReason)
def test_only_what_may_pass_is_tried_again(reason: FailReason) -> None:
    again = retry_delay(FetchError(reason, ""), 1, URL, RULES) is not None
    assert again == (reason in ("unreachable", "timeout", "server_error", "rate_limited"))
    assert retry_delay(FetchError(reason, "", final=True), 1, URL, RULES) is None
    assert again <= reason.transient


@settings(deadline=None)
@given(st.integers(100, 999))
def test_every_status_has_a_reason(status: int) -> None:
    assert isinstance(status_reason(status), FailReason)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("\u0663", None),
        ("9" * 400, None),
        (format_datetime(datetime.fromtimestamp(NOW + 60, UTC), usegmt=True), 60.0),
        (format_datetime(datetime.fromtimestamp(NOW - 60, UTC), usegmt=True), 0.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue Nov 14 22:14:20 2023", 60.0),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@settings(deadline=None)
@given(st.text())
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
