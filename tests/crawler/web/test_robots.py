from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.budgets import Limit
from crawler.web.robots import MAX_BYTES, RobotsRules

SITE = "https://example.org"


def test_our_own_group_wins_over_the_one_for_all() -> None:
    rules = RobotsRules.parse(
        b"User-agent: *\nDisallow: /\n\nUser-agent: LostFound\nDisallow: /no\nCrawl-delay: 2.5\n"
    )
    assert rules.allows(f"{SITE}/yes")
    assert not rules.allows(f"{SITE}/no/1")
    assert rules.limits() == (Limit(1, 2.5),)


def test_request_rate_is_a_limit_too() -> None:
    rules = RobotsRules.parse(b"User-agent: *\nRequest-rate: 10/1m\nCrawl-delay: 1\n")
    assert rules.limits() == (Limit(1, 1.0), Limit(10, 60.0))
    assert rules.delay == 6.0
    for damaged in (b"0/1m", b"5/0", b"x", b"-1/5", b"5"):
        body = b"User-agent: *\nRequest-rate: " + damaged + b"\n"
        assert all(limit.count > 0 < limit.seconds for limit in RobotsRules.parse(body).limits())


def test_the_longest_rule_and_patterns() -> None:
    rules = RobotsRules.parse(b"User-agent: *\nDisallow: /*.jpg$\nAllow: /open/*.jpg$\n")
    assert not rules.allows(f"{SITE}/a.jpg")
    assert rules.allows(f"{SITE}/open/a.jpg")
    assert rules.allows(f"{SITE}/a.jpg?x")


def test_another_bot_is_not_us() -> None:
    rules = RobotsRules.parse(b"User-agent: googlebot\nUser-agent: found\nDisallow: /\n")
    assert rules.allows(f"{SITE}/")


def test_what_an_answer_means() -> None:
    for status in (400, 401, 403, 404, 410, 451):
        rules = RobotsRules.for_status(status, b"User-agent: *\nDisallow: /")
        assert rules is not None
        assert rules.allows(f"{SITE}/")
    for status in (429, 500, 503, 302, 100):
        assert RobotsRules.for_status(status, b"") is None
    parsed = RobotsRules.for_status(200, b"User-agent: *\nDisallow: /")
    assert parsed is not None
    assert not parsed.allows(f"{SITE}/")


def test_only_the_first_500_kib_count() -> None:
    head = b"User-agent: *\nDisallow: /a\n"
    padding = b"#" * (MAX_BYTES - len(head) - 1) + b"\n"
    rules = RobotsRules.parse(head + padding + b"Disallow: /b\n")
    assert not rules.allows(f"{SITE}/a")
    assert rules.allows(f"{SITE}/b")


def test_a_byte_order_mark_hides_nothing() -> None:
    assert not RobotsRules.parse(b"\xef\xbb\xbfUser-agent: *\nDisallow: /").allows(f"{SITE}/")


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_robots_txt(body: bytes) -> None:
    rules = RobotsRules.parse(body)
    rules.allows(f"{SITE}/a?b=c")
    assert all(limit.count > 0 < limit.seconds for limit in rules.limits())


@settings(deadline=None)
@given(st.text(alphabet="User-agent:*\nDisallow/lostfound Crawl-delay0123456789.e", max_size=200))
def test_nearly_robots_txt(text: str) -> None:
    rules = RobotsRules.parse(text.encode())
    assert rules.allows(f"{SITE}/lost") in (True, False)
    assert rules.allows(f"{SITE}/robots.txt")
