from crawler.reasons import FailReason
from crawler.web.breaker import Breaker, BreakerRules

RULES = BreakerRules(failures=3, pause_seconds=10.0, longest_seconds=25.0)


def test_a_host_rests_after_failures_in_a_row_and_longer_each_time() -> None:
    breaker = Breaker(RULES)
    now = 100.0
    assert not breaker.failed(FailReason.TIMEOUT, now)
    assert not breaker.failed(FailReason.UNREACHABLE, now)
    assert breaker.paused_for(now) == 0
    for pause in (10, 20, 25, 25):
        assert breaker.failed(FailReason.SERVER_ERROR, now)
        assert breaker.paused_for(now) == pause
        # What was under way when the pause began does not make it longer.
        assert not breaker.failed(FailReason.SERVER_ERROR, now)
        assert breaker.paused_for(now) == pause
        now += pause
        assert breaker.paused_for(now) == 0


def test_a_host_that_answers_is_well() -> None:
    breaker = Breaker(RULES)
    for _ in range(9):
        breaker.failed(FailReason.TIMEOUT, 0.0)
    now = breaker.paused_until
    breaker.succeeded()
    assert not breaker.failed(FailReason.TIMEOUT, now)
    breaker.failed(FailReason.TIMEOUT, now)
    breaker.failed(FailReason.NOT_FOUND, now)  # an answer too
    assert not breaker.failed(FailReason.TIMEOUT, now)
