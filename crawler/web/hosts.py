"""What the client remembers of each origin: its robots.txt, its failures, its connections."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from crawler.reasons import FailReason
from crawler.web.breaker import Breaker, BreakerRules
from crawler.web.errors import FetchError
from crawler.web.robots import RobotsRules

MAX_HOSTS = 10_000


@dataclass(slots=True)
class Host:
    """One origin: scheme, name and port."""

    origin: str
    slots: asyncio.Semaphore
    breaker: Breaker
    robots: RobotsRules | FetchError | None = None
    """The rules, or why they could not be had."""
    robots_until: float = 0.0
    robots_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0

    @property
    def budget(self) -> str:
        """The name of the budget that holds its Crawl-delay and its Retry-After."""
        return f"host:{self.origin}"


class Hosts:
    """The origins that were asked lately; the longest unused are forgotten."""

    def __init__(self, connections: int, breaker: BreakerRules) -> None:
        self._connections = connections
        self._breaker = breaker
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    def of(self, url: str) -> Host:
        """Raises FetchError for what is not an http or https address."""
        key = origin(url)
        host = self._hosts.get(key)
        if host is None:
            host = Host(key, asyncio.Semaphore(self._connections), Breaker(self._breaker))
            self._hosts[key] = host
            self._forget()
        else:
            self._hosts.move_to_end(key)
        return host

    def _forget(self) -> None:
        while len(self._hosts) > MAX_HOSTS:
            key, host = next(iter(self._hosts.items()))
            if host.users:
                return
            del self._hosts[key]


def origin(url: str) -> str:
    """`https://host:port`. Raises FetchError for what is not an http or https address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise FetchError(FailReason.BAD_RECORD, "not a web address")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}:{port or (443 if parts.scheme == 'https' else 80)}"
