"""Predictions on a terminal: one in full, several as a line each."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from training.deploy.table import Prediction, flat

_WIDTH = 120
"""Where no terminal says how wide it is."""


def show(predictions: Sequence[Prediction], counts: Mapping[str, int]) -> None:
    """A table on stdout. Of those with an error, only `counts` speaks."""
    answers = [prediction for prediction in predictions if "error" not in prediction]
    if len(answers) == 1:
        _print(_in_full(answers[0]))
    elif answers:
        _print(_in_lines(answers))
    if len(predictions) > 1:
        print(", ".join(f"{count:,} {what}" for what, count in counts.items()), flush=True)


def in_short(prediction: Prediction) -> str:
    """The likeliest country and region and the position, on one line."""
    return "; ".join(filter(None, _cells(prediction)))


def _in_full(answer: Prediction) -> Table:
    table = Table(Column(Text(_name(answer)), overflow="fold"), "")
    for country in answer["countries"]:
        table.add_row(Text(f"{country['name']} ({country['code']})"), _share(country))
    table.add_section()
    for region in answer.get("regions", []):
        table.add_row(Text(region["name"]), _share(region))
    table.add_section()
    for continent in answer.get("continents", [])[:1]:
        table.add_row(continent["name"], _share(continent))
    table.add_row("position", _cells(answer)[2] or "unknown")
    return table


def _in_lines(answers: Sequence[Prediction]) -> Table:
    table = Table("image", "country", "region", "position")
    for answer in answers:
        table.add_row(*(Text(cell, overflow="fold") for cell in (_name(answer), *_cells(answer))))
    return table


def _cells(answer: Prediction) -> tuple[str, str, str]:
    row = flat(answer)
    region = row["region"]
    return (
        f"{row['country']} {row['country_probability']:.0%}",
        "" if region is None else f"{region} {row['region_probability']:.0%}",
        "" if row["lat"] is None else f"{row['lat']:.4f}, {row['lon']:.4f}",
    )


def _name(answer: Prediction) -> str:
    """Without what a terminal would obey."""
    name = answer.get("image") or f"{len(answer['images'])} views of one place"
    return printable(name)


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


def _share(guess: Mapping[str, Any]) -> str:
    return f"{guess['probability']:.1%}"


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)
