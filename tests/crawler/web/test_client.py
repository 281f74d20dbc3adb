import asyncio
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from crawler.budgets import Limit, SqliteBudgets
from crawler.reasons import FailReason
from crawler.web.breaker import BreakerRules
from crawler.web.client import Answer, ClientRules, PoliteClient
from crawler.web.errors import FetchError
from crawler.web.retry import RetryRules
from crawler.web.transport import Timeouts
from tests.crawler.web.server import answer, serve

AGENT = "LostFound/1 (me@example.org)"
SECRET = "s3cr3t-t0k3n"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time_() -> Time:
    return Time()


@pytest.fixture
def budgets(tmp_path: Path, time_: Time) -> Iterator[SqliteBudgets]:
    with SqliteBudgets(tmp_path / "budgets.sqlite", time_.clock) as made:
        yield made


class Fetch:
    """Calls of one client, each in an event loop of its own unless given together."""

    def __init__(self, budgets: SqliteBudgets, time_: Time) -> None:
        self.budgets, self.time = budgets, time_
        self.rules: dict[str, Any] = {"allow_private": True}
        self.counts: Any = None

    def __call__(self, *urls: str, **options: Any) -> list[Answer | FetchError]:
        return asyncio.run(self._all(urls, options))

    def one(self, url: str, **options: Any) -> Answer:
        [result] = self(url, **options)
        assert isinstance(result, Answer), result
        return result

    def fails(self, url: str, **options: Any) -> FetchError:
        [result] = self(url, **options)
        assert isinstance(result, FetchError), result
        return result

    async def _all(
        self, urls: tuple[str, ...], options: dict[str, Any]
    ) -> list[Answer | FetchError]:
        async with PoliteClient(
            user_agent=AGENT,
            budgets=self.budgets,
            rules=ClientRules(**self.rules),
            clock=self.time.clock,
            sleep=self.time.sleep,
        ) as client:
            results: list[Answer | FetchError] = []
            for url in urls:
                try:
                    results.append(await client.get(url, **options))
                except FetchError as error:
                    results.append(error)
            self.counts = client.counts
            return results


@pytest.fixture
def fetch(budgets: SqliteBudgets, time_: Time) -> Fetch:
    return Fetch(budgets, time_)


def by_path(**answers: Callable[..., Any]) -> Any:
    """A handler that looks at the first part of the path."""

    async def handle(request: web.Request) -> Any:
        return await answers[request.path.strip("/").split("/")[0]](request)

    return handle


def in_turn(*answers: Any) -> Any:
    """A handler whose n-th answer is the n-th of `answers`; the last one stays."""
    left = list(answers)

    async def handle(request: web.Request) -> Any:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return handle


def test_says_who_asks_and_gives_the_answer(fetch: Fetch) -> None:
    with serve() as server:
        got = fetch.one(server.url("/picture"), headers={"X-Auth-Token": SECRET})
    assert (got.status, got.body, got.url) == (200, b"/picture", server.url("/picture"))
    [seen] = server.seen
    assert seen.headers["User-Agent"] == AGENT
    assert seen.headers["X-Auth-Token"] == SECRET
    assert server.robots_asked == 1
    assert (fetch.counts.requests, fetch.counts.bytes) == (2, len(b"/picture"))


# robots.txt


def test_robots_txt_is_asked_once_and_obeyed(fetch: Fetch) -> None:
    with serve(robots="User-agent: *\nDisallow: /private/") as server:
        good, bad, again = fetch(*map(server.url, ["/a", "/private/b", "/c"]))
    assert isinstance(good, Answer)
    assert isinstance(again, Answer)
    assert isinstance(bad, FetchError)
    assert bad.reason is FailReason.ROBOTS
    assert server.paths() == ["/a", "/c"]
    assert server.robots_asked == 1


def test_robots_txt_is_asked_again_after_a_day(fetch: Fetch, time_: Time) -> None:
    with serve() as server:

        async def calls() -> None:
            async with PoliteClient(
                user_agent=AGENT,
                budgets=fetch.budgets,
                rules=ClientRules(allow_private=True),
                clock=time_.clock,
                sleep=time_.sleep,
            ) as client:
                await client.get(server.url("/a"))
                time_.now += 86_401
                server.robots = "User-agent: lostfound\nDisallow: /"
                with pytest.raises(FetchError) as caught:
                    await client.get(server.url("/a"))
                assert caught.value.reason is FailReason.ROBOTS
                assert not (await client.robots(server.url("/"))).allows(server.url("/x"))

        asyncio.run(calls())
    assert server.robots_asked == 2


def test_a_site_whose_robots_txt_fails_is_left_alone(fetch: Fetch) -> None:
    with serve(robots=500) as server:
        failure = fetch.fails(server.url("/a"))
    assert failure.reason is FailReason.SERVER_ERROR
    assert failure.detail.startswith("robots.txt:")
    assert not server.seen


def test_a_documented_interface_needs_no_robots_txt(fetch: Fetch) -> None:
    with serve(answer(X_Robots_Tag="noindex"), robots="User-agent: *\nDisallow: /") as server:
        assert fetch.one(server.url("/api"), api=True).status == 200
    assert server.robots_asked == 0


def test_crawl_delay_is_a_limit_of_the_host(fetch: Fetch, time_: Time) -> None:
    with serve(robots="User-agent: *\nCrawl-delay: 7") as server:
        fetch(*[server.url(f"/{number}") for number in range(4)])
    assert sum(time_.slept) == pytest.approx(21, abs=0.2)


# Budgets and waiting


def test_a_budget_is_kept(fetch: Fetch, time_: Time) -> None:
    with serve() as server:
        fetch(*[server.url("/a")] * 5, api=True, budget="source", limits=[Limit(2, 10.0)])
    assert sum(time_.slept) == pytest.approx(20, abs=0.2)
    assert len(server.seen) == 5


@pytest.mark.parametrize("value", ["30", "Tue, 14 Nov 2023 22:13:50 GMT"])
def test_retry_after_holds_for_all_who_use_the_budget(
    fetch: Fetch, time_: Time, value: str
) -> None:
    handler = in_turn(answer(429, Retry_After=value), answer(body=b"ok"))
    options: dict[str, Any] = {"api": True, "budget": "source", "limits": [Limit(9, 1.0)]}
    fetch.rules["retry"] = RetryRules(attempts=1)
    with serve(handler) as server:
        failure = fetch.fails(server.url("/a"), **options)
        assert (failure.reason, failure.retry_after) == (FailReason.RATE_LIMITED, 30.0)
        assert fetch.budgets.blocked_for("source") == pytest.approx(30)
        assert fetch.one(server.url("/b"), **options).body == b"ok"
    assert sum(time_.slept) == pytest.approx(30, abs=0.1)


def test_retry_after_without_a_budget_holds_for_the_host(fetch: Fetch, time_: Time) -> None:
    fetch.rules["retry"] = RetryRules(attempts=1)
    with serve(in_turn(answer(503, Retry_After="30"), answer(body=b"ok"))) as server:
        failure, good = fetch(server.url("/a"), server.url("/b"))
    assert isinstance(failure, FetchError)
    assert failure.reason is FailReason.SERVER_ERROR
    assert isinstance(good, Answer)
    assert sum(time_.slept) == pytest.approx(30, abs=0.1)


def test_a_wait_beyond_the_limit_is_a_failure_that_says_how_long(fetch: Fetch, time_: Time) -> None:
    fetch.budgets.block("source", 7200)
    with serve() as server:
        failure = fetch.fails(server.url("/a"), api=True, budget="source")
    assert failure.reason is FailReason.RATE_LIMITED
    assert failure.retry_after == pytest.approx(7200)
    assert not time_.slept
    assert not server.seen


def test_connections_to_one_host_are_bounded(fetch: Fetch) -> None:
    at_once, most = 0, 0

    async def handle(_: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return web.Response()

    async def calls(url: str) -> None:
        async with PoliteClient(
            user_agent=AGENT,
            budgets=fetch.budgets,
            rules=ClientRules(allow_private=True, connections_per_host=3),
        ) as client:
            await asyncio.gather(*(client.get(url) for _ in range(24)))

    with serve(handle) as server:
        asyncio.run(calls(server.url("/a")))
    assert most == 3


def test_a_slow_host_does_not_stop_the_others(fetch: Fetch) -> None:
    """Those who wait for their turn at one host take no place from another."""

    async def calls(slow: str, quick: str) -> None:
        async with PoliteClient(
            user_agent=AGENT,
            budgets=fetch.budgets,
            rules=ClientRules(allow_private=True, connections=2, connections_per_host=5),
        ) as client:
            fetch.budgets.block("slow", 500)
            waits = [
                asyncio.create_task(client.get(slow, api=True, budget="slow")) for _ in range(5)
            ]
            await asyncio.gather(*(client.get(quick) for _ in range(9)))
            assert client.waiting == 5
            for wait in waits:
                wait.cancel()

    with serve() as slow, serve() as quick:
        asyncio.run(calls(slow.url(), quick.url()))
    assert (len(slow.seen), len(quick.seen)) == (0, 9)


# Failures and retries


def test_what_may_pass_is_tried_again(fetch: Fetch, time_: Time) -> None:
    with serve(in_turn(answer(502), answer(500), answer(body=b"ok"))) as server:
        assert fetch.one(server.url("/a")).body == b"ok"
    assert len(time_.slept) == 2
    assert fetch.counts.retries == 2


@pytest.mark.parametrize(
    ("status", "reason", "requests"),
    [
        (400, FailReason.CLIENT_ERROR, 1),
        (401, FailReason.FORBIDDEN, 1),
        (403, FailReason.FORBIDDEN, 1),
        (404, FailReason.NOT_FOUND, 1),
        (410, FailReason.NOT_FOUND, 1),
        (429, FailReason.RATE_LIMITED, 4),
        (451, FailReason.FORBIDDEN, 1),
        (500, FailReason.SERVER_ERROR, 4),
        (501, FailReason.SERVER_ERROR, 1),
        (504, FailReason.TIMEOUT, 4),
    ],
)
def test_each_status_has_its_reason(
    fetch: Fetch, status: int, reason: FailReason, requests: int
) -> None:
    with serve(answer(status)) as server:
        failure = fetch.fails(server.url("/a"))
        assert (failure.reason, failure.status) == (reason, status)
        assert len(server.seen) == requests
        assert fetch.one(server.url("/a"), expect={status}).status == status


def test_a_refused_key_ends_the_run(fetch: Fetch) -> None:
    with serve(answer(401)) as server:
        assert fetch.fails(server.url("/a"), api=True).reason is FailReason.SIGN_IN


def test_a_wall_is_recognised(fetch: Fetch) -> None:
    with serve(answer(403, b"<p>Please solve this CAPTCHA</p>")) as server:
        failure = fetch.fails(server.url("/a"))
    assert failure.reason is FailReason.WALL
    assert len(server.seen) == 1


def test_a_host_that_fails_again_and_again_is_left_alone(fetch: Fetch, time_: Time) -> None:
    fetch.rules |= {"retry": RetryRules(attempts=1), "breaker": BreakerRules(failures=3)}
    with serve(answer(500)) as server:
        results = fetch(*[server.url("/a")] * 6)
    assert len(server.seen) == 3
    assert fetch.counts.pauses == 1
    last = results[-1]
    assert isinstance(last, FetchError)
    assert last.reason is FailReason.UNREACHABLE
    assert last.retry_after == pytest.approx(30)


def test_nobody_listens(fetch: Fetch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        failure = fetch.fails(url, api=True)
    assert failure.reason is FailReason.UNREACHABLE
    assert fetch.counts.requests == 4


def test_no_such_host(fetch: Fetch) -> None:
    failure = fetch.fails("http://no-such-host.invalid/a", api=True)
    assert failure.reason is FailReason.UNREACHABLE


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "no", "http://[x", ""])
def test_what_is_no_web_address(fetch: Fetch, url: str) -> None:
    assert fetch.fails(url).reason is FailReason.BAD_RECORD


# Time and size


@pytest.mark.parametrize("timeouts", [Timeouts(read=0.3), Timeouts(total=0.3)])
def test_an_answer_that_stands_still_is_given_up(fetch: Fetch, timeouts: Timeouts) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.sleep(5)
        return response

    fetch.rules |= {"timeouts": timeouts, "retry": RetryRules(attempts=1)}
    with serve(stall) as server:
        assert fetch.fails(server.url("/a"), api=True).reason is FailReason.TIMEOUT


def test_an_answer_that_drips_is_given_up(fetch: Fetch) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    fetch.rules |= {"timeouts": Timeouts(read=3, total=0.5), "retry": RetryRules(attempts=1)}
    with serve(drip) as server:
        assert fetch.fails(server.url("/a"), api=True).reason is FailReason.TIMEOUT


def test_a_large_answer_is_refused_by_what_it_says(fetch: Fetch) -> None:
    with serve(answer(body=bytes(2001))) as server:
        assert fetch.fails(server.url("/a"), max_bytes=2000).reason is FailReason.TOO_LARGE
        assert len(fetch.one(server.url("/a"), max_bytes=2001).body) == 2001


def test_a_large_answer_is_refused_by_what_it_is(fetch: Fetch) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 30:
            await response.write(bytes(1 << 16))
            sent += 1 << 16
        return response

    with serve(endless) as server:
        failure = fetch.fails(server.url("/a"), api=True, max_bytes=1 << 20)
    assert failure.reason is FailReason.TOO_LARGE
    assert sent < 64 << 20


def test_a_small_answer_that_unpacks_to_a_large_one(fetch: Fetch) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < 1 << 20
    with serve(answer(body=bomb, Content_Encoding="gzip")) as server:
        failure = fetch.fails(server.url("/a"), max_bytes=1 << 20)
    assert failure.reason is FailReason.TOO_LARGE


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", FailReason.UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
         FailReason.UNREACHABLE),
        (b"", FailReason.UNREACHABLE),
        (b"SSH-2.0-OpenSSH\r\n\r\n", FailReason.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", FailReason.BAD_ANSWER),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", FailReason.BAD_ANSWER),
        (b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", FailReason.SERVER_ERROR),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", FailReason.BAD_ANSWER),
    ],
)  # fmt: skip
def test_an_answer_that_is_damaged(fetch: Fetch, sent: bytes, reason: FailReason) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_all() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(sent)

        threading.Thread(target=answer_all, daemon=True).start()
        failure = fetch.fails(f"http://127.0.0.1:{listener.getsockname()[1]}/a", api=True)
        listener.shutdown(socket.SHUT_RDWR)
    assert failure.reason is reason


# Redirects


def test_redirects_are_followed_and_bounded(fetch: Fetch) -> None:
    async def onwards(request: web.Request) -> web.Response:
        number = int(request.match_info["path"])
        if number == 0:
            return web.Response(text="there")
        return web.Response(status=302, headers={"Location": f"{number - 1}"})

    with serve(onwards) as server:
        got = fetch.one(server.url("/5"))
        assert (got.body, got.url) == (b"there", server.url("/0"))
        assert fetch.fails(server.url("/6")).reason is FailReason.REDIRECTS
        assert fetch.fails(server.url("/9")).reason is FailReason.REDIRECTS


def test_a_redirect_counts_against_the_budget(fetch: Fetch, time_: Time) -> None:
    handler = by_path(a=answer(302, Location="/b"), b=answer())
    with serve(handler) as server:
        fetch.one(server.url("/a"), api=True, budget="source", limits=[Limit(1, 10.0)])
    assert sum(time_.slept) == pytest.approx(10, abs=0.1)


def test_a_redirect_does_not_go_around_robots_txt(fetch: Fetch) -> None:
    with (
        serve(answer(), robots="User-agent: *\nDisallow: /") as closed,
        serve(answer(302, Location=closed.url("/a"))) as server,
    ):
        assert fetch.fails(server.url("/")).reason is FailReason.ROBOTS
    assert not closed.seen


def test_an_interface_is_none_elsewhere(fetch: Fetch) -> None:
    with (
        serve(answer(), robots="User-agent: *\nDisallow: /") as closed,
        serve(answer(302, Location=closed.url("/a"))) as server,
    ):
        assert fetch.fails(server.url("/"), api=True).reason is FailReason.ROBOTS
    assert (server.robots_asked, closed.robots_asked) == (0, 1)


def test_a_robots_txt_may_stand_elsewhere(fetch: Fetch) -> None:
    with serve(robots="User-agent: *\nDisallow: /no") as other, serve() as server:
        server.robots = answer(302, Location=other.url("/robots.txt"))
        good, bad = fetch(server.url("/a"), server.url("/no"))
    assert isinstance(good, Answer)
    assert isinstance(bad, FetchError)
    assert bad.reason is FailReason.ROBOTS


def test_robots_txt_that_lead_to_each_other(fetch: Fetch) -> None:
    fetch.rules["retry"] = RetryRules(attempts=1)
    with serve() as one, serve() as two:
        one.robots = answer(302, Location=two.url("/robots.txt"))
        two.robots = answer(302, Location=one.url("/robots.txt"))
        for result in fetch(one.url("/a"), two.url("/a")):
            assert isinstance(result, FetchError)
            assert result.reason is FailReason.REDIRECTS


def test_a_redirect_to_no_web_address(fetch: Fetch) -> None:
    for target in ("file:///etc/passwd", "javascript:1", "http://[x/"):
        with serve(answer(302, Location=target)) as server:
            assert fetch.fails(server.url("/")).reason is FailReason.REDIRECTS


def test_credentials_stay_with_their_host(fetch: Fetch) -> None:
    headers = {"Authorization": SECRET, "Cookie": SECRET, "X-Auth-Token": SECRET, "Accept": "a/b"}
    with (
        serve() as other,
        serve(answer(302, Location=f"http://user:pw@127.0.0.1:{other.port}/a")) as server,
    ):
        fetch.one(server.url("/"), headers=headers)
    assert server.seen[0].headers["Authorization"] == SECRET
    assert SECRET not in str(other.seen[0].headers)
    assert "Authorization" not in other.seen[0].headers
    assert other.seen[0].headers["Accept"] == "a/b"


def test_cookies_are_not_kept(fetch: Fetch) -> None:
    with serve(answer(Set_Cookie="a=b")) as server:
        fetch(server.url("/a"), server.url("/b"))
    assert "Cookie" not in server.seen[1].headers


# Addresses


def test_private_addresses_are_refused(fetch: Fetch) -> None:
    fetch.rules["allow_private"] = False
    with serve() as server:
        for host in ("127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"):
            failure = fetch.fails(server.url("/a", host), api=True)
            assert failure.reason in (FailReason.PRIVATE_ADDRESS, FailReason.BAD_RECORD), host
        assert not server.seen
        assert fetch.counts.requests == 1  # not tried again


def test_a_name_that_resolves_anew_does_not_go_around_it(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: whatever the name was a moment ago, the address is judged at connect."""
    fetch.rules["allow_private"] = False
    real = socket.getaddrinfo

    def rebound(host: str, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host == "rebound.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with serve() as server:
        failure = fetch.fails(server.url("/a", "rebound.example"), api=True)
    assert failure.reason is FailReason.PRIVATE_ADDRESS
    assert not server.seen


# Opt-outs and secrets


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Robots_Tag": "noai"},
        {"X_Robots_Tag": "lostfound: noimageai"},
        {"TDM_Reservation": "1"},
    ],
)
def test_an_opted_out_picture_is_not_kept(fetch: Fetch, headers: dict[str, str]) -> None:
    with serve(answer(body=b"picture", **headers)) as server:
        assert fetch.fails(server.url("/a")).reason is FailReason.OPTED_OUT


def test_failures_hold_no_secrets(fetch: Fetch) -> None:
    fetch.rules["retry"] = RetryRules(attempts=1)
    answers = by_path(
        bad=answer(500),
        moved=answer(302, Location=f"http://no-such-host.invalid/?key={SECRET}"),
        gone=answer(404),
    )
    with serve(answers) as server:
        urls = [server.url(f"/{path}?key={SECRET}") for path in ("bad", "moved", "gone")]
        urls += [f"http://{SECRET}@no-such-host.invalid/?{SECRET}", f"http://[{SECRET}/"]
        for result in fetch(*urls, api=True, headers={"Authorization": SECRET}):
            assert isinstance(result, FetchError)
            assert SECRET not in f"{result} {result!r} {result.detail} {result.__cause__!r}"


def test_an_answer_shows_no_secret(fetch: Fetch) -> None:
    with serve(answer(body=SECRET.encode(), X_Token=SECRET)) as server:
        assert SECRET not in repr(fetch.one(server.url(f"/a?key={SECRET}")))
