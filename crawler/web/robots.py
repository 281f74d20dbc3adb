"""robots.txt as RFC 9309 says: what our product name may fetch, and how slowly. Pure.

How it is fetched: an answer of 4xx means that all is allowed; one of 5xx, too many requests, or
none at all means that nothing is, for the time being. At most 500 KiB count.
"""

from dataclasses import dataclass
from typing import Any, Self

from crawler.budgets import Limit
from crawler.web.identity import PRODUCT

MAX_BYTES = 500 << 10
FRESH_SECONDS = 86_400.0
FAILED_SECONDS = 300.0
"""How long a robots.txt that could not be had keeps its site closed."""


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """The rules of one origin for one product."""

    _parsed: Any = None
    """A Protego, or None where all is allowed."""
    _limits: tuple[Limit, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Any bytes are a robots.txt: lines that are not understood say nothing."""
        from protego import Protego

        parsed = Protego.parse(body[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff"))
        limits = []
        if delay := parsed.crawl_delay(PRODUCT):
            limits.append(Limit(1, delay))
        if (rate := parsed.request_rate(PRODUCT)) and rate.requests > 0 and rate.seconds > 0:
            limits.append(Limit(rate.requests, float(rate.seconds)))
        return cls(parsed, tuple(limits))

    @classmethod
    def for_status(cls, status: int, body: bytes) -> "RobotsRules | None":
        """The rules that an answer means; None: unknown, nothing may be fetched for now."""
        if 200 <= status < 300:
            return cls.parse(body)
        return cls() if 400 <= status < 500 and status != 429 else None

    def allows(self, url: str) -> bool:
        return self._parsed is None or bool(self._parsed.can_fetch(url, PRODUCT))

    def limits(self) -> tuple[Limit, ...]:
        """Crawl-delay and Request-rate as limits of the host's budget."""
        return self._limits

    @property
    def delay(self) -> float:
        """Seconds from one request to the next that the limits mean in the long run."""
        return max((limit.seconds / limit.count for limit in self._limits), default=0.0)
