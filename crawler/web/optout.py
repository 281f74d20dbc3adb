"""Whether a server says that a picture must not be used for a data set: a pure function.

Honoured: `X-Robots-Tag` with `noai`, `noimageai`, `noindex`, `noimageindex`, `none`, or an
`unavailable_after` that has passed, for all agents or for ours (`lostfound: noai`); and
`TDM-Reservation: 1` of the W3C's text and data mining reservation protocol. Rules for other agents
(`googlebot: noindex`) do not speak to us.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crawler.web.identity import PRODUCT

REFUSALS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Rules that are written `name: value`; any other word before a colon is an agent."""
_AGENT_OR_RULE = re.compile(r"\s*([A-Za-z0-9_*-]+)\s*:\s*(.*)", re.DOTALL)


def opt_out(robots_tags: Iterable[str], tdm_reservation: str | None, now: float) -> str | None:
    """What refuses the use, in words, or None.

    `robots_tags` are the values of all X-Robots-Tag headers; `now` in seconds since 1970.
    """
    if tdm_reservation is not None and tdm_reservation.strip() == "1":
        return "TDM-Reservation: 1"
    for tag in robots_tags:
        if refusal := _tag_refusal(tag, now):
            return f"X-Robots-Tag: {refusal}"
    return None


def _tag_refusal(tag: str, now: float) -> str | None:
    """One header. An agent's name holds for the rules after it, up to the next name."""
    ours = True
    date = ""
    for part in tag.split(","):
        rule = part.strip()
        if match := _AGENT_OR_RULE.fullmatch(part):
            name, value = match[1].lower(), match[2].strip()
            if name in _VALUED:
                date = value if ours and name == "unavailable_after" else ""
                rule = ""
            else:
                ours, rule = name in (PRODUCT.lower(), "*"), value
        elif date:  # a date has a comma after its day of the week
            rule, date = "", f"{date},{part}"
        if ours and rule.lower() in REFUSALS:
            return rule.lower()
        if date and _is_past(date, now):
            return "unavailable_after"
    return None


def _is_past(date: str, now: float) -> bool:
    """RFC 822 or ISO 8601; an unreadable date says nothing."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(date.strip())
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp() <= now
    return False
