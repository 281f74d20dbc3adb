"""Why something was not fetched: one closed list for tasks and for single items, so counts add up.

A game or a map cell is a task; a URL or a photograph is an item. The detail of a failure stands
beside its reason.
"""

from collections.abc import Iterable
from enum import StrEnum

from shards.errors import UsageError


class FailReason(StrEnum):
    UNREACHABLE = "unreachable"
    """No connection, no name, or a connection that broke."""
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    """HTTP 5xx, also after the retries."""
    RATE_LIMITED = "rate_limited"
    BAD_ANSWER = "bad_answer"
    """An answer that is not what the source's protocol says."""
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    CLIENT_ERROR = "client_error"
    """Another HTTP 4xx."""
    REDIRECTS = "redirects"
    """Too many of them, or one to something that is not a web address."""
    PRIVATE_ADDRESS = "private_address"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    """The bytes are no image, whatever the server calls them."""
    BAD_RECORD = "bad_record"
    """A record without what every capture needs, such as an id or the picture's address."""
    DUPLICATE_ITEM = "duplicate_item"
    """Listed before: another row or task has it."""
    UNWANTED = "unwanted"
    """Outside the area or the time that was asked for."""
    ROBOTS = "robots"
    """The site's robots.txt disallows it."""
    OPTED_OUT = "opted_out"
    """The server says that it does not want this use (X-Robots-Tag, TDM reservation)."""
    DENIED = "denied"
    """The dataset's own deny-list."""
    NO_LICENCE = "no_licence"
    """The source does not allow storing it."""
    CAPPED = "capped"
    """A search had more results than its source will ever show."""
    SIGN_IN = "sign_in"
    WALL = "wall"
    """A CAPTCHA, a ban or an anti-cheat notice: the run must end."""
    START = "start"
    """No game began."""
    DUPLICATE = "duplicate"
    """Another task owns the game that the site dealt."""
    ROUND = "round"
    """A round did not come, could not be photographed, or took no guess."""
    NO_PICTURE = "no_picture"
    """A round's picture was still on its way when the time was over, also after a reload."""
    SESSION = "session"
    """The login expired again and again."""
    ANSWER_MISSING = "answer_missing"
    PICTURE_MISSING = "picture_missing"
    """Rounds were played without their picture being kept: they cannot be seen again."""
    GAME_TIMEOUT = "game_timeout"
    BROWSER = "browser"
    """The page or the browser crashed."""
    DISK_FULL = "disk_full"
    LEASE_EXPIRED = "lease_expired"
    ERROR = "error"
    """A defect of this program."""

    @property
    def transient(self) -> bool:
        """Whether the same command, run again, tries it again without being asked."""
        return self not in _PERMANENT


_PERMANENT = frozenset(
    {
        FailReason.NOT_FOUND,
        FailReason.FORBIDDEN,
        FailReason.CLIENT_ERROR,
        FailReason.REDIRECTS,
        FailReason.PRIVATE_ADDRESS,
        FailReason.TOO_LARGE,
        FailReason.NOT_AN_IMAGE,
        FailReason.BAD_RECORD,
        FailReason.DUPLICATE_ITEM,
        FailReason.UNWANTED,
        FailReason.ROBOTS,
        FailReason.OPTED_OUT,
        FailReason.DENIED,
        FailReason.NO_LICENCE,
        FailReason.CAPPED,
        FailReason.PICTURE_MISSING,
    }
)

TRANSIENT = frozenset(reason for reason in FailReason if reason.transient)
ENDS_RUN = frozenset({FailReason.WALL, FailReason.SIGN_IN})
"""What no other task would fare better with."""


def parse_reasons(text: str) -> frozenset[FailReason]:
    """`not_found,timeout` as reasons; `all` is every one. Raises UsageError on another word."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["all"]:
        return frozenset(FailReason)
    return frozenset(_reason(word) for word in words)


def _reason(word: str) -> FailReason:
    try:
        return FailReason(word)
    except ValueError:
        raise UsageError(
            f"reason {word!r}: not known; known are all, {', '.join(FailReason)}"
        ) from None


def count_text(counts: Iterable[tuple[str, int]]) -> str:
    """`not_found 3, timeout 1`, for a line that people read."""
    return ", ".join(f"{reason} {count}" for reason, count in counts)
