"""The report's own files: a picture of each round, and its answer in a JSON file of like name.

`geoguessr_location_<mode>_<game>_<round>.png` goes with
`geoguessr_result_<mode>_<game>_<round>.json`, which holds `coordinates` (a list of latitude and
longitude) or, in multiplayer, `country`. Its crawler wrote the first at the start of a round and
the second at its end, so a crash left one of them alone.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler.imports.found import Found, Problem
from shards.paths import inside

SOURCES = {"singleplayer": "geoguessr", "multiplayer": "geoguessr-multiplayer"}
"""The sources under which our own crawl of the game stores the same rounds, by mode."""
MAX_JSON_BYTES = 1 << 16

_NAME = re.compile(
    r"geoguessr_(?P<kind>location|result)_(?P<mode>singleplayer|multiplayer)"
    r"_(?P<game>.+)_(?P<round>\d{1,6})\.(?P<extension>[A-Za-z]+)",
    re.ASCII,
)


class _Number(str):
    """A JSON number as it is written, with every digit."""

    __slots__ = ()


def pairs(folder: Path) -> Iterator[Found]:
    """Every round of which a file lies below `folder`; files of other names are no photographs."""
    for directory, subdirectories, names in os.walk(folder):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        there = set(names)
        for name in sorted(names):
            path = Path(directory) / name
            relative = path.relative_to(folder).as_posix()
            match = _NAME.fullmatch(name)
            if match is None:
                yield Found(relative, path, is_image=False)
            elif match["kind"] == "location":
                yield _round(folder, path, relative, match)
            elif not any(picture in there for picture in _pictures(name)):
                yield Found(relative, None, problem=Problem.UNPAIRED)
            # A result with a picture is read when the picture's turn comes.


def _pictures(result: str) -> list[str]:
    stem = Path(result.replace("_result_", "_location_", 1)).stem
    return [f"{stem}.{extension}" for extension in ("png", "jpg", "jpeg", "webp")]


def _round(folder: Path, path: Path, relative: str, match: re.Match[str]) -> Found:
    name = path.name.replace("_location_", "_result_", 1)
    result = path.with_name(name).with_suffix(".json")
    problem = None
    fields: dict[str, str] = {}
    if inside(folder, relative) is None or inside(folder, _sibling(relative, result)) is None:
        problem = Problem.OUTSIDE
    elif not result.is_file():
        problem = Problem.UNPAIRED
    else:
        try:
            fields = _answer(result)
        except OSError:
            problem = Problem.UNREADABLE
        except (ValueError, RecursionError):
            problem = Problem.BROKEN_LABEL
    return Found(
        relative,
        path,
        {**fields, "group_id": match["game"]},
        problem,
        source=SOURCES[match["mode"]],
        identity=(match["game"], str(int(match["round"]))),
    )


def _sibling(relative: str, result: Path) -> str:
    return "/".join([*relative.split("/")[:-1], result.name])


def _answer(path: Path) -> dict[str, str]:
    """The label's capture fields, with every digit. Raises ValueError when it is no label."""
    with open(path, "rb") as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise ValueError("too long for a label")
    record: Any = json.loads(data, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    country = record.get("country")
    if isinstance(country, str) and country and not isinstance(country, _Number):
        return {"country": country}
    match record.get("coordinates"):
        case [_Number() as lat, _Number() as lon]:
            return {"lat": str(lat), "lon": str(lon)}
    raise ValueError("neither coordinates nor a country")
