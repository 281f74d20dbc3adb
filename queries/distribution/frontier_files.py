"""Writes a frontier as a page with a plot, as CSV, or as JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from markupsafe import Markup

from queries.choices import COUNTRY
from queries.distribution.frontier import SLACKS, Choice, frontier
from queries.distribution.mapping import DistributionMapping
from queries.distribution.rules import Wish, map_pool
from queries.pages import environment
from shards.atomic import dump_json, write_text
from shards.errors import UsageError
from shards.pages.scatter import Mark, Point, Scatter

KINDS = ("a", "b", "c", "d", "e")
"""Classes of colours, one for each slack."""

PUBLISHED = {
    (Fraction("0.0075"), Fraction("0.75")): (54, 95_153),
    (Fraction("0.005"), Fraction("0.5")): (75, 82_473),
}
"""The thresholds that the report's authors chose, and what their data then gave."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """What is written."""

    choices: Sequence[Choice]
    chosen: DistributionMapping
    wish: Wish
    by: str
    pool: Mapping[str, int]
    published: Sequence[tuple[Fraction, Fraction]]
    """Those of `PUBLISHED`, when the data are the authors'."""


def write_frontier(path: Path, pool: Mapping[str, int], wish: Wish, by: str) -> None:
    """Writes the frontier of a pool and a wish; the name's extension says in which form.

    Raises UsageError for another extension.
    """
    forms = {".html": _page, ".csv": _csv, ".json": _json}
    if path.suffix.lower() not in forms:
        raise UsageError(f"--frontier {path}: give a name that ends in {', '.join(forms)}")
    slacks = list(dict.fromkeys([*SLACKS, wish.slack]))
    found = Frontier(
        choices=frontier(pool, wish, slacks),
        chosen=map_pool(pool, wish),
        wish=wish,
        by=by,
        pool=pool,
        published=_published(pool, wish),
    )
    write_text(path, forms[path.suffix.lower()](found))


def _published(pool: Mapping[str, int], wish: Wish) -> list[tuple[Fraction, Fraction]]:
    """The authors' choices, when both give what they printed."""
    for (share, slack), expected in PUBLISHED.items():
        try:
            mapping = map_pool(pool, replace(wish, min_share=share, slack=slack))
        except UsageError:
            return []
        if (len(mapping.quotas), mapping.total) != expected:
            return []
    return list(PUBLISHED)


def _row(choice: Choice) -> dict[str, Any]:
    return {
        "min_share": decimal(choice.min_share),
        "slack": None if choice.slack is None else decimal(choice.slack),
        "countries": choice.countries,
        "samples": choice.samples,
        "scarcest": choice.scarcest,
        "best": choice.best,
    }


def _csv(found: Frontier) -> str:
    rows = [_row(choice) for choice in found.choices]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _json(found: Frontier) -> str:
    slack = found.wish.slack
    return dump_json(
        {
            "by": found.by,
            "rule": str(found.wish.rule),
            "pool": {"samples": sum(found.pool.values()), "countries": _present(found.pool)},
            "chosen": {
                "min_share": decimal(found.wish.min_share),
                "slack": None if slack is None else decimal(slack),
                "countries": len(found.chosen.quotas),
                "samples": found.chosen.total,
            },
            "choices": [_row(choice) for choice in found.choices],
        }
    )


def _page(found: Frontier) -> str:
    best = sorted(
        (choice for choice in found.choices if choice.best), key=lambda choice: -choice.countries
    )
    slacks = list(dict.fromkeys(choice.slack for choice in found.choices))
    # One plot for wide pages and one for narrow ones: text of the same size in both.
    plots = [
        Markup(_plot(found, best, width, height).svg())  # noqa: S704 - escapes what it is given
        for width, height in ((1080.0, 480.0), (360.0, 400.0))
    ]
    page = environment().get_template("frontier.html.j2")
    return page.render(
        noun=noun(found.by),
        rule=str(found.wish.rule),
        pool={"samples": sum(found.pool.values()), "countries": _present(found.pool)},
        missing=found.chosen.missing,
        chosen=found.chosen,
        notes=_notes(found),
        plots=plots,
        legend=[(KINDS[n % len(KINDS)], _slack_text(slack)) for n, slack in enumerate(slacks)],
        best=[_row(choice) for choice in best],
        choices=[_row(choice) for choice in found.choices],
    )


def _plot(found: Frontier, best: Sequence[Choice], width: float, height: float) -> Scatter:
    slacks = list(dict.fromkeys(choice.slack for choice in found.choices))
    kinds = {slack: KINDS[n % len(KINDS)] for n, slack in enumerate(slacks)}
    countries = noun(found.by)
    return Scatter(
        points=[
            Point(
                choice.countries,
                choice.samples,
                f"point {kinds[choice.slack]}{'' if choice.best else ' beaten'}",
                f"{thresholds(choice.min_share, choice.slack)}: {choice.countries} {countries},"
                f" {choice.samples:,} samples; {choice.scarcest} sets the scale",
            )
            for choice in found.choices
        ],
        steps=[(choice.countries, choice.samples) for choice in best],
        marks=[note.mark for note in _notes(found)],
        x_title=f"{countries} kept",
        y_title="samples kept",
        width=width,
        height=height,
    )


@dataclass(frozen=True, slots=True)
class Note:
    """One marked choice, and what the page says of it."""

    letter: str
    mark: Mark
    who: str
    thresholds: str
    countries: int
    samples: int


def _notes(found: Frontier) -> list[Note]:
    own = (found.wish.min_share, found.wish.slack)
    kept = (len(found.chosen.quotas), found.chosen.total)
    here = "chosen, as by the report's authors" if own in found.published else "chosen"
    notes = [_note("A", "ring own", here, own, kept)]
    others = [choice for choice in found.published if choice != own]
    for letter, (share, slack) in zip("BC", others, strict=False):
        kept = PUBLISHED[share, slack]
        notes.append(_note(letter, "ring", "the report's authors, by hand", (share, slack), kept))
    return notes


def _note(
    letter: str,
    kind: str,
    who: str,
    choice: tuple[Fraction, Fraction | None],
    kept: tuple[int, int],
) -> Note:
    return Note(letter, Mark(*kept, kind, letter), who, thresholds(*choice), *kept)


def thresholds(share: Fraction, slack: Fraction | None) -> str:
    """As the options say it."""
    text = f"--min-share {decimal(share)}"
    return text if slack is None else f"{text} --slack {decimal(slack)}"


def _slack_text(slack: Fraction | None) -> str:
    return "no slack" if slack is None else f"slack {decimal(slack)}"


def noun(by: str) -> str:
    """What the counts are of, in the plural."""
    return {COUNTRY: "countries", "region_id": "regions"}.get(by, "groups")


def decimal(value: Fraction) -> str:
    """Exactly, without an exponent, where there is such a number; else as a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(value)
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _present(pool: Mapping[str, int]) -> int:
    return sum(count > 0 for count in pool.values())
