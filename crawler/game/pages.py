"""Reads what the game's pages say: links to places, sentences, numbers of rounds, ids of games."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

_POSITION = re.compile(r"(-?[0-9.]+(?:e-?[0-9]+)?),(-?[0-9.]+(?:e-?[0-9]+)?)")
_PLACE_FIELDS = ("cbll", "ll")
_ANSWER = re.compile(
    r"right answer was\s+(?:(?:in|indeed|actually)\s+)*"
    # A full stop after a single capital or "St" belongs to a name: the U.S. Virgin Islands.
    r"(?P<country>\w.*?)(?:(?<!\b[A-Z])(?<!\bSt)[.!](?:\s|$)|$)",
    re.IGNORECASE | re.DOTALL,
)


def parse_map_link(link: str) -> tuple[str, str]:
    """Latitude and longitude, as they stand in `…/maps?q&layer=c&cbll=<lat>,<lon>&…`.

    A match's link has them as `…/maps?ll=<lat>,<lon>&…`, where 0,0 means not known. Whether they
    are a place on the globe is not judged here. Raises ValueError when the link holds none.
    """
    try:
        fields = parse_qs(urlsplit(link).query)
    except ValueError as error:
        raise ValueError(f"not a map link: {link[:200]!r}") from error
    for name in _PLACE_FIELDS:
        match = _POSITION.fullmatch(fields.get(name, [""])[0])
        if match and not (name == "ll" and _is_nowhere(match)):
            return match[1], match[2]
    raise ValueError(f"not a map link: {link[:200]!r}")


def _is_nowhere(position: re.Match[str]) -> bool:
    try:
        return float(position[1]) == 0 and float(position[2]) == 0
    except ValueError:
        return False


def parse_answer(sentence: str) -> str:
    """The country, as it stands in `… right answer was [in|indeed|actually] <Country>. …`.

    Raises ValueError when the text has no such sentence.
    """
    match = _ANSWER.search(sentence)
    if match is None:
        raise ValueError(f"no right answer in {sentence[:200]!r}")
    return " ".join(match["country"].split())


def parse_retry_after(text: str, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header: a number or a date (RFC 9110, 10.2.3).

    None when it is neither, or not in the future. `now` is UTC.
    """
    text = text.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    return seconds if seconds > 0 else None


def parse_round(text: str) -> int:
    """The first number of a label such as `Round 3 / 5`. Raises ValueError without one."""
    match = re.search(r"[0-9]{1,4}", text)
    if match is None:
        raise ValueError(f"no number of a round in {text[:80]!r}")
    return int(match[0])


def game_id(url: str) -> str:
    """The last path segment of a game's URL, of its results' or of a link to it."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]
