"""Recognises a shut door in an HTTP answer: a CAPTCHA, a bot check, a ban. A pure function.

A wall is never gone around; the caller stops. An expired or missing permission for one address
(a plain 403) is no wall.
"""

import re
from collections.abc import Mapping

WALL_STATUSES = frozenset({401, 403, 405, 429, 503})
_WORDS = re.compile(
    rb"captcha|cf-challenge|challenge-platform|are you (a |an )?(human|robot)"
    rb"|verify (that )?you are (a )?human|unusual traffic|automated (access|requests?|queries)"
    rb"|(has|have) been (banned|blocked)|access (to this \w+ )?has been denied",
    re.IGNORECASE,
)
_CHALLENGE_HEADERS = {"cf-mitigated": "challenge", "x-amzn-waf-action": "captcha"}


def wall(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """What the wall is, in words, or None. `headers` is case-insensitive, `body` its beginning."""
    if status not in WALL_STATUSES:
        return None
    for name, value in _CHALLENGE_HEADERS.items():
        if value in headers.get(name, "").lower():
            return f"HTTP {status} with {name}"
    if match := _WORDS.search(body):
        return f"HTTP {status} that says {match[0].decode('ascii').lower()!r}"
    return None
