"""How HTML pages are made: one file each, escaped, with the same style."""

import base64
import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
MAX_TEXT = 160
"""Characters of a name or a caption: what data can add to a page is bounded."""
MAX_URL = 2000
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Script:
    """A script that stands in a page, and what its Content-Security-Policy says about it."""

    text: Markup
    source: Markup
    """The one script that the policy lets run, by the hash of its text."""


def script(*files: Path) -> Script:
    """Script files, one after the other, as one script."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if "</script" in text.lower() or "<!--" in text:
        names = ", ".join(file.name for file in files)
        raise ValueError(f"{names}: would end the element that it stands in")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Script(Markup(text), Markup(f"'sha256-{digest}'"))  # noqa: S704 - our own files


def environment(*own: Path) -> Environment:
    """Templates of the folders `own`, and then those that all pages share."""
    environment = Environment(
        loader=FileSystemLoader([*own, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value, digits=1: f"{100 * value:.{digits}f} %"
    environment.filters["figures"] = figures
    environment.filters["size"] = _size
    environment.filters["words"] = lambda value: brief(value).replace("_", " ")
    environment.filters["web"] = _web_address
    environment.filters["brief"] = brief
    return environment


def brief(text: object) -> str:
    """At most `MAX_TEXT` characters, which turn no text around them.

    Invisible marks of direction are left out (Unicode Bidirectional Algorithm, UAX #9), and text
    from right to left stands isolated.
    """
    plain = "".join(letter for letter in str(text)[: 2 * MAX_TEXT] if letter not in _DIRECTIONS)
    cut = plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"
    from_right = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in cut)
    return f"\u2068{cut}\u2069" if from_right else cut


def figures(value: float) -> str:
    """Four figures, never an exponent: 1138, 52.31, 0.5."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _size(count: int) -> str:
    """Bytes for people, in powers of 1000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def _web_address(url: str) -> str:
    """The URL when it is a web address; else nothing, so that no other scheme becomes a link."""
    return url if url.startswith(("https://", "http://")) and len(url) <= MAX_URL else ""
