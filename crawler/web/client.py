"""The polite HTTP client that every open source fetches with.

One `get` is: robots.txt asked, the budgets' turn awaited, a bounded exchange, redirects followed
one by one with every check made anew, opt-outs and walls recognised, failures retried by rule.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from crawler.budgets import Budgets, Claims, Limit
from crawler.reasons import FailReason
from crawler.web.breaker import BreakerRules
from crawler.web.errors import FetchError
from crawler.web.hosts import Host, Hosts, origin
from crawler.web.optout import opt_out
from crawler.web.redirects import REDIRECTS, harmless, redirect_target
from crawler.web.retry import RetryRules, retry_after_seconds, retry_delay, status_reason
from crawler.web.robots import FAILED_SECONDS, FRESH_SECONDS, MAX_BYTES, RobotsRules
from crawler.web.transport import Reply, Timeouts, Transport
from crawler.web.turns import Turns
from crawler.web.walls import wall


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """How far the client goes. The defaults are for strangers' servers."""

    connections: int = 64
    """Requests under way at a time, to all hosts."""
    connections_per_host: int = 6
    redirects: int = 5
    max_bytes: int = 32 << 20
    """Of one answer, unpacked, where `get` says nothing else."""
    max_wait: float = 600.0
    """Seconds for which `get` waits for a budget or a Retry-After; beyond that it fails with
    `rate_limited` and says how long it would have been."""
    allow_private: bool = False
    """Also connects to addresses that are not public: loopback, the local network."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryRules = field(default_factory=RetryRules)
    breaker: BreakerRules = field(default_factory=BreakerRules)


@dataclass(frozen=True, slots=True)
class Answer:
    """A success, or a status that the caller expects."""

    url: str = field(repr=False)
    """After redirects; may hold a key in its query."""
    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Case-insensitive."""
    body: bytes = field(repr=False)


@dataclass(slots=True)
class WebCounts:
    """What the client did since it was opened."""

    requests: int = 0
    """Sent, with redirects, retries and robots.txt."""
    bytes: int = 0
    """Of bodies, unpacked."""
    retries: int = 0
    pauses: int = 0
    """How often a host that failed again and again was left alone."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What `get` was asked, for every hop and every try."""

    headers: Mapping[str, str]
    claims: Claims
    max_bytes: int
    api: bool
    expect: Collection[int]
    is_robots: bool = False
    """For a robots.txt itself: nothing else is asked first, and its beginning is enough."""


class PoliteClient:
    """Use it as `async with PoliteClient(…) as web`, in one event loop."""

    def __init__(
        self,
        *,
        user_agent: str,
        budgets: Budgets,
        rules: ClientRules | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`user_agent` as made by `identity.user_agent`. `clock` in seconds since 1970."""
        self.rules = rules or ClientRules()
        self.counts = WebCounts()
        self._user_agent = user_agent
        self._clock = clock
        self._sleep = sleep
        self._hosts = Hosts(self.rules.connections_per_host, self.rules.breaker)
        self._turns = Turns(
            budgets,
            connections=self.rules.connections,
            longest_exchange=self.rules.timeouts.total,
            max_wait=self.rules.max_wait,
            clock=clock,
            sleep=sleep,
        )
        self._transport: Transport | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait for a budget now."""
        return self._turns.waiting

    async def __aenter__(self) -> Self:
        self._transport = Transport(
            self._user_agent, self.rules.timeouts, allow_private=self.rules.allow_private
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    async def get(
        self,
        url: str,
        *,
        budget: str = "",
        limits: Sequence[Limit] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        api: bool = False,
        expect: Collection[int] = (),
    ) -> Answer:
        """The answer to a GET, after redirects and retries.

        budget, limits: what each request counts against, over the whole fleet.
        headers: go to the origin of `url` alone, but for Accept and Accept-Language.
        api: a documented interface whose terms the operator has accepted: robots.txt and opt-outs
        speak of pages and pictures and are not asked there, and a 401 is `sign_in`.
        expect: statuses besides 2xx that are an answer and no failure.
        Raises FetchError.
        """
        request = _Request(
            headers=headers or {},
            claims={budget: limits} if budget else {},
            max_bytes=self.rules.max_bytes if max_bytes is None else max_bytes,
            api=api,
            expect=expect,
        )
        return await self._try(url, request)

    async def robots(self, url: str) -> RobotsRules:
        """The robots.txt rules for the origin of `url`, for those who fetch by other means.

        Raises FetchError when they cannot be had: then nothing there may be fetched for now.
        """
        request = _Request(headers={}, claims={}, max_bytes=MAX_BYTES, api=False, expect=())
        return await self._robots(self._hosts.of(url), request)

    async def _try(self, url: str, request: _Request) -> Answer:
        """Tries as often as the rules allow."""
        attempt = 1
        while True:
            try:
                return await self._follow(url, request)
            except FetchError as error:
                delay = retry_delay(error, attempt, url, self.rules.retry)
                if delay is None or delay > self.rules.max_wait:
                    raise
            attempt += 1
            self.counts.retries += 1
            await self._sleep(delay)

    async def _follow(self, url: str, request: _Request) -> Answer:
        """One try: the request and its redirects, each hop with its own checks."""
        first = origin(url)
        for _ in range(self.rules.redirects + 1):
            host = self._hosts.of(url)
            claims = request.claims
            is_page = not (request.is_robots or (request.api and host.origin == first))
            if is_page:
                robots = await self._robots(host, request)
                if not robots.allows(url):
                    raise FetchError(FailReason.ROBOTS, f"robots.txt of {host.origin}")
                if limits := robots.limits():
                    claims = {**claims, host.budget: limits}
            headers = request.headers if host.origin == first else harmless(request.headers)
            reply = await self._send(host, url, headers, claims, request)
            if reply.status not in REDIRECTS or reply.status in request.expect:
                if is_page:
                    self._check_opt_out(reply)
                return Answer(url, reply.status, reply.headers, reply.body)
            url = redirect_target(url, reply.headers.get("Location"))
        raise FetchError(FailReason.REDIRECTS, f"more than {self.rules.redirects} redirects")

    def _check_opt_out(self, reply: Reply) -> None:
        headers = reply.headers
        tags = headers.getall("X-Robots-Tag", ())
        reserved = headers.get("TDM-Reservation")
        if (tags or reserved) and (refusal := opt_out(tags, reserved, self._clock())):
            raise FetchError(FailReason.OPTED_OUT, refusal, status=reply.status)

    async def _send(
        self,
        host: Host,
        url: str,
        headers: Mapping[str, str],
        claims: Claims,
        request: _Request,
    ) -> Reply:
        """One exchange in its turn. Raises FetchError, also for a status that is a failure."""
        if self._transport is None:
            raise RuntimeError("the client is not open; use it as `async with`")
        self._refuse_paused(host)
        async with self._turns.turn(host, claims):
            self._refuse_paused(host)  # again, because the turn may have taken long
            self.counts.requests += 1
            try:
                reply = await self._transport.exchange(
                    url, headers, request.max_bytes, cut=request.is_robots
                )
                self.counts.bytes += len(reply.body)
                self._judge(host, reply, claims, request)
            except FetchError as error:
                if host.breaker.failed(error.reason, self._clock()):
                    self.counts.pauses += 1
                raise
        host.breaker.succeeded()
        return reply

    def _refuse_paused(self, host: Host) -> None:
        if pause := host.breaker.paused_for(self._clock()):
            raise FetchError(
                FailReason.UNREACHABLE,
                f"{host.origin} failed again and again; left alone for {pause:.0f} s",
                retry_after=pause,
                final=True,
            )

    def _judge(
        self,
        host: Host,
        reply: Reply,
        claims: Claims,
        request: _Request,
    ) -> None:
        """Raises FetchError for a status that is a failure; blocks the budget that must wait."""
        status = reply.status
        wait = None
        if status in (429, 503):
            wait = retry_after_seconds(reply.headers.get("Retry-After"), self._clock())
            if wait:
                self._turns.block(next(iter(claims), host.budget), wait)
        if 200 <= status < 300 or status in REDIRECTS or status in request.expect:
            return
        if found := wall(status, reply.headers, reply.body):
            raise FetchError(FailReason.WALL, found, status=status)
        reason = status_reason(status)
        if request.api and status == 401:
            reason = FailReason.SIGN_IN
        raise FetchError(reason, f"HTTP {status}", status=status, retry_after=wait)

    async def _robots(self, host: Host, request: _Request) -> RobotsRules:
        """The rules of an origin. Raises why they could not be had: then nothing is fetched."""
        if host.robots is None or self._clock() >= host.robots_until:
            async with host.robots_lock:
                if host.robots is None or self._clock() >= host.robots_until:
                    await self._fetch_robots(host, request)
        if isinstance(host.robots, FetchError):
            raise host.robots.again()
        assert host.robots is not None
        return host.robots

    async def _fetch_robots(self, host: Host, request: _Request) -> None:
        asked = _Request(
            headers={},
            claims=request.claims,
            max_bytes=MAX_BYTES,
            api=True,
            expect=(),
            is_robots=True,
        )
        fresh = FRESH_SECONDS
        try:
            host.robots = await self._ask_robots(host, asked)
        except FetchError as error:
            fresh = FAILED_SECONDS
            host.robots = error.again(f"robots.txt: {error.detail}", final=True)
        host.robots_until = self._clock() + fresh

    async def _ask_robots(self, host: Host, asked: _Request) -> RobotsRules:
        try:
            answer = await self._try(f"{host.origin}/robots.txt", asked)
        except FetchError as error:
            rules = RobotsRules.for_status(error.status, b"") if error.status else None
            if rules is None:
                raise
            return rules
        return RobotsRules.parse(answer.body)
