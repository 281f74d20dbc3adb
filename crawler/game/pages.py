"""Reads what the game's pages say: the link to a place, the number of a round, a game's id."""

import re
from urllib.parse import parse_qs, urlsplit

_POSITION = re.compile(r"(-?[0-9.]+(?:e-?[0-9]+)?),(-?[0-9.]+(?:e-?[0-9]+)?)")


def parse_map_link(link: str) -> tuple[str, str]:
    """Latitude and longitude, as they stand in `…/maps?q&layer=c&cbll=<lat>,<lon>&…`.

    Whether they are a place on the globe is not judged here. Raises ValueError when the link
    holds no such pair.
    """
    try:
        values = parse_qs(urlsplit(link).query).get("cbll", [])
    except ValueError as error:
        raise ValueError(f"not a map link: {link[:200]!r}") from error
    match = _POSITION.fullmatch(values[0]) if values else None
    if match is None:
        raise ValueError(f"not a map link: {link[:200]!r}")
    return match[1], match[2]


def parse_round(text: str) -> int:
    """The first number of a label such as `Round 3 / 5`. Raises ValueError without one."""
    match = re.search(r"[0-9]{1,4}", text)
    if match is None:
        raise ValueError(f"no number of a round in {text[:80]!r}")
    return int(match[0])


def game_id(url: str) -> str:
    """The last path segment of a game's URL, of its results' or of a link to it."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]
