"""What the server served: one entry per request, so that tests can count and time them."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request."""

    at: float
    """Seconds since the epoch, when it came."""
    kind: str
    path: str
    player: str
    """Empty for who is not signed in."""
    status: int
    disallowed: bool
    """robots.txt forbids the path."""


@dataclass(frozen=True)
class Robots:
    """What robots.txt says to everybody."""

    disallow: tuple[str, ...] = ()
    crawl_delay: float = 0.0

    def text(self) -> str:
        lines = ["User-agent: *", *(f"Disallow: {path}" for path in self.disallow)]
        if self.crawl_delay:
            lines.append(f"Crawl-delay: {self.crawl_delay:g}")
        return "\n".join([*lines, "Allow: /", ""])

    def forbids(self, path: str) -> bool:
        return any(unquote(path).startswith(prefix) for prefix in self.disallow)


@dataclass
class Log:
    """The last requests, and counts of all of them."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    dealt: Counter[str] = field(default_factory=Counter)
    """By game: how often it was dealt."""
    rounds: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By game and round (1 to the last): how often its picture was served."""
    early: Counter[tuple[str, float]] = field(default_factory=Counter)
    """Requests for a game before a Retry-After was over, by player and end of the pause. What had
    been on its way already is among them."""

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.kinds[entry.kind] += 1
        self.statuses[entry.status] += 1

    def times(self, kinds: Iterable[str]) -> list[float]:
        """When requests of these kinds came, in order."""
        wanted = set(kinds)
        return [entry.at for entry in list(self.entries) if entry.kind in wanted]

    def too_many(self, kinds: Iterable[str], count: int, seconds: float) -> int:
        """How many requests of these kinds came less than `seconds` after the `count`-th before.

        With a count of 1 these are the violations of a Crawl-delay.
        """
        times = sorted(self.times(kinds))
        pairs = zip(times, times[count:], strict=False)
        return sum(later - before < seconds for before, later in pairs)

    def disallowed(self) -> list[Entry]:
        """The requests that robots.txt forbids."""
        return [entry for entry in list(self.entries) if entry.disallowed]
