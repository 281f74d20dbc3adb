"""How this stage's HTML pages are made: one file each, escaped, with the same style."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")


def environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value, digits=1: f"{100 * value:.{digits}f} %"
    environment.filters["figures"] = figures
    environment.filters["size"] = _size
    environment.filters["words"] = lambda value: str(value).replace("_", " ")
    environment.filters["web"] = _web_address
    return environment


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
    return url if url.startswith(("https://", "http://")) else ""
