"""The table of a comparison, as Markdown."""

from collections.abc import Mapping
from typing import Any

from training.reproduce.outcomes import FIGURES, Figure
from training.reproduce.recipes import RECIPES

TITLES = {
    "as-it-was": "the report's recipe, as it was",
    "without-defects": "the same without its defects",
    "ours": "ours",
}


def markdown(result: Mapping[str, Any]) -> str:
    """`result`: what `reproduce` returns."""
    lines = [
        f"| test, {result['samples']:,} photographs | {' | '.join(TITLES[r] for r in RECIPES)} |",
        f"|---|{'---|' * len(RECIPES)}",
    ]
    for figure in FIGURES:
        own = result["figures"][figure.task][figure.name]
        cells = [_cell(figure, own[recipe]) for recipe in RECIPES]
        lines.append(f"| {figure.label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(figure: Figure, found: Mapping[str, Any]) -> str:
    def text(value: float) -> str:
        return figure.form.format(value)

    cell = f"{text(found['mean'])} [{text(found['low'])} to {text(found['high'])}]"
    if len(found["seeds"]) > 1:
        cell += f"; {text(min(found['seeds']))} to {text(max(found['seeds']))}"
    return cell
