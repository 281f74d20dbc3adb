"""Which countries to measure by themselves, as a user names them."""

import difflib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from enrich.geo.countries import country_names
from shards.errors import UsageError

_BETWEEN = re.compile(r"[\s,;]+")
MAX_BYTES = 1 << 20


def read_subset(text: str, known: Iterable[str]) -> frozenset[str]:
    """Codes from a list (`SE,DE`), or from a file of such lists or of JSON (a list, or an object's
    keys). `known`: the codes that there are. Raises UsageError, with the nearest one, for others.
    """
    words = _words(Path(text)) if Path(text).is_file() else _BETWEEN.split(text.strip())
    codes = [word.upper() for word in words if word]
    allowed = sorted(set(known))
    for code in codes:
        if code not in allowed:
            raise UsageError(f"--subset: {code}: {_hint(code, allowed)}")
    if not codes:
        raise UsageError("--subset: names no country; give codes like SE,DE or a file of them")
    return frozenset(codes)


def _words(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: larger than a list of countries; give a file of codes")
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if text.lstrip()[:1] in ("[", "{") else None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a list of country codes ({error})") from None
    if found is None:
        return _BETWEEN.split(re.sub(r"#.*", "", text).strip())
    return [str(word) for word in found]


def _hint(code: str, allowed: list[str]) -> str:
    names = country_names()
    near = difflib.get_close_matches(code, allowed, n=1, cutoff=0.5)
    by_name = {names[own].upper(): own for own in allowed if own in names}
    if len(code) > 2 and (found := difflib.get_close_matches(code, by_name, n=1)):
        near = [by_name[found[0]]]
    if code in names:
        return f"{names[code]} is neither in these samples nor known to the model"
    if near:
        return f"no such country; did you mean {near[0]} ({names.get(near[0], near[0])})?"
    return f"no such country; there are {', '.join(allowed[:8])}{' …' if len(allowed) > 8 else ''}"
