"""What goes wrong on purpose, and the dice that decide when: the same ones for the same seed."""

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from crawler.playground.world import uniform
from shards.errors import UsageError

Share = float | tuple[int, ...]
"""A probability from 0 to 1, or the opportunities at which it happens, counted from 1."""


@dataclass(frozen=True)
class Faults:
    """How often each thing goes wrong; by default nothing does."""

    rate_limit: Share = 0.0
    """Of games asked for: 429 with Retry-After; until that is over, the player gets none."""
    same_game: Share = 0.0
    """Of games asked for: a running game is dealt again, also to the same player."""
    lost_game: Share = 0.0
    """Of games dealt: its page says that it is not found."""
    banner_early: Share = 0.0
    """Of visitors: the consent banner is there at once."""
    banner_absent: Share = 0.0
    """Of visitors: it never comes."""
    banner_in_round: Share = 0.0
    """Of visitors: it comes in the middle of a round only."""
    banner_other: Share = 0.0
    """Of visitors: the banner's id is `snigel-cmp-framework`."""
    expired_login: Share = 0.0
    """Of rounds and guesses asked for: the server forgets the session instead."""
    lost_answer: Share = 0.0
    """Of guesses: it counts, but the page gets an error instead of the answer."""
    slow_picture: Share = 0.0
    """Of rounds asked for: it comes `slow_seconds` later."""
    no_picture: Share = 0.0
    """Of rounds asked for: it never comes; `Loading location` stays until the page is reloaded."""
    blank_picture: Share = 0.0
    """Of rounds asked for: the canvas is never painted."""
    crash: Share = 0.0
    """Of rounds asked for: the page's script makes its renderer crash."""
    server_error: Share = 0.0
    """Of pages and API calls: 500, or 503 with Retry-After."""
    captcha: Share = 0.0
    """Of pages asked for: a CAPTCHA; the session sees nothing else from then on."""
    ban: Share = 0.0
    """Of pages asked for: the player is banned."""
    slow_seconds: float = 3.0
    retry_after: float = 2.0
    """Seconds, of `rate_limit`; Retry-After says them rounded up."""
    games_per_minute: int = 0
    """More than these are refused to one player, in any 60 s; 0 is no limit."""

    def __post_init__(self) -> None:
        for name in SHARES:
            share = getattr(self, name)
            if isinstance(share, float | int) and not 0 <= share <= 1:
                raise UsageError(f"fault {name}={share}: give a share from 0 to 1")


SHARES = tuple(field.name for field in fields(Faults) if field.type in ("Share", Share))


class Luck:
    """Throws the dice of one server. `happened` counts what went wrong, by name."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.faults = faults
        self.happened: Counter[str] = Counter()
        self._seed = seed
        self._opportunities: Counter[str] = Counter()

    def strikes(self, name: str) -> bool:
        """Whether the fault `name` happens at this opportunity."""
        share: Share = getattr(self.faults, name)
        self._opportunities[name] += 1
        number = self._opportunities[name]
        if isinstance(share, tuple):
            hit = number in share
        else:
            hit = uniform(self._seed, "fault", name, number) < share
        self.happened[name] += hit
        return hit


def parse_faults(words: list[str]) -> Faults:
    """Reads `NAME=SHARE` words. Raises UsageError for an unknown name or no share."""
    shares: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in SHARES:
            raise UsageError(f"--fault {word}: known are {', '.join(SHARES)}")
        try:
            shares[name] = float(text)
        except ValueError:
            raise UsageError(f"--fault {word}: give a share from 0 to 1: {name}=0.1") from None
    return Faults(**shares)
