"""The comparison as one HTML file, which holds all that it shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from enrich.geo.countries import country_names
from shards.pages.pages import environment
from training.compare.curves import curves
from training.compare.entries import Entry
from training.evaluation.headline import LABELS
from training.evaluation.page.figures import shown

TEMPLATES = Path(__file__).with_name("templates")
COUNTRIES = 40
CHANCE = 0.05


def comparison_page(entries: Sequence[Entry], found: dict[str, Any]) -> str:
    """`found`: what `compare` gave. The same evaluations give the same bytes."""
    names = country_names()
    return (
        environment(TEMPLATES)
        .get_template("comparison.html.j2")
        .render(
            found=found,
            entries=[entry.name for entry in entries],
            curves=[(title, Markup(svg)) for title, svg in curves(entries)],  # noqa: S704 - escaped
            shown=shown,
            difference=difference,
            label=label,
            name=lambda code: names.get(code, code),
            most=COUNTRIES,
            chance=CHANCE,
        )
    )


def label(path: str) -> str:
    """A figure's name for people."""
    return LABELS.get(path, path.replace(".", ", ").replace("_", " "))


def difference(path: str, value: float) -> str:
    """With its sign; shares in percentage points."""
    text = shown(path, abs(value)).replace(" %", " pp")
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    return sign + text
