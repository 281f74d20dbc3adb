"""Reads counts per country: a JSON object, or CSV with the columns `country,count`.

The first column may have any other name, for counts by something else.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

from shards.errors import UsageError

MOST = 10**15
"""No count is larger: sums and products of counts then fit everywhere."""

_WHOLE_NUMBER = re.compile(r"\+?\d{1,18}")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


def read_counts(path: Path) -> dict[str, int]:
    """The counts of a file, in file order. Raises UsageError that names the file and the entry."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"{path}: {reason}; give a JSON object or CSV country,count") from None
    try:
        pairs = _json_pairs(text) if text.lstrip().startswith(("{", "[")) else _csv_pairs(text)
        return _checked(pairs)
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{path}: {error}") from None


def _json_pairs(text: str) -> list[tuple[str, object]]:
    """Every name of the object with its value, repeated names included."""
    try:
        # The outer object is the last to end, so a nested one becomes a value that is no number.
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from None
    if text.lstrip().startswith("["):
        raise ValueError('a JSON list; give an object {"country": count, …}')
    return [(name, value) for name, value in pairs]


def _csv_pairs(text: str) -> list[tuple[str, object]]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if rows and len(rows[0]) == 2 and rows[0][1].strip().lower() == "count":
        rows = rows[1:]
    pairs: list[tuple[str, object]] = []
    for row in rows:
        if len(row) != 2:
            raise ValueError(_why_not_two(",".join(row)))
        country, count = row[0].strip(), row[1].strip()
        pairs.append((country, int(count) if _WHOLE_NUMBER.fullmatch(count) else count))
    return pairs


def _why_not_two(line: str) -> str:
    problem = f"line {_brief(line)!r} does not read country,count"
    for separator, name in _OTHER_SEPARATORS.items():
        if separator in line:
            return f"{problem}; it has {name}: write commas instead"
    return problem


def _checked(pairs: Iterable[tuple[str, object]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, value in pairs:
        if not name.strip():
            raise ValueError("a count has no country")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            found = _brief(repr(value))
            raise ValueError(f"{_brief(name)}: count {found} is not a whole number of at least 0")
        if value > MOST:
            raise ValueError(f"{_brief(name)}: a count of more than {MOST:,}")
        if name in counts:
            raise ValueError(f"{_brief(name)} is counted twice")
        counts[name] = value
    if not counts:
        raise ValueError("no counts in it; give at least one country")
    return counts


def _brief(text: str) -> str:
    """In one line, however long."""
    return " ".join(text.split())[:60]
