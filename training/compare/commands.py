"""`lostfound compare`: arguments in, a table and a page out."""

from pathlib import Path
from typing import Any

import typer

from shards.console import print_summary
from shards.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds this part's verb to the `lostfound` command."""
    app.command("compare")(compare)


def compare(
    evaluations: list[str] = typer.Argument(
        ...,
        metavar="RUN|FOLDER…",
        help="Runs, or folders that `evaluate` wrote, here or at addresses; 2 to 8.",
    ),
    out: Path = typer.Option(None, "--out", help="Writes the page there: FILE.html."),
    evaluation: str = typer.Option(
        "evaluation", "--evaluation", help="Which folder of each run, as evaluation-validation."
    ),
    unpaired: bool = typer.Option(
        False, "--unpaired", help="Also of different samples: side by side, nothing marked."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print everything as one JSON object."),
) -> None:
    """Several evaluations of the same samples: figures, and which differences are not chance."""
    from shards.atomic import write_text
    from training.compare.compare import compare as compared
    from training.compare.entries import read_entries, why_not_paired
    from training.compare.page import comparison_page

    entries = read_entries(evaluations, evaluation)
    if not unpaired and (why := why_not_paired(entries)):
        raise UsageError(f"{why}; --unpaired shows them side by side all the same")
    found = compared(entries)
    if out:
        write_text(out, comparison_page(entries, found))
        found["page"] = str(out)
    print_summary("compare", found if as_json else _rows(found), as_json=as_json)


def _rows(found: dict[str, Any]) -> dict[str, Any]:
    """A line for each figure: the values in order, and what is known of the difference."""
    from training.compare.page import difference, label
    from training.evaluation.page.figures import shown

    names = [one["name"] for one in found["evaluations"]]
    rows: dict[str, Any] = {"evaluations": names}
    for row in found["figures"]:
        path = row["path"]
        texts = []
        for number, value in enumerate(row["values"]):
            text = "-" if value is None else shown(path, value["value"])
            change = row["from_first"][number]
            if change:
                text += f" ({difference(path, change['value'])}, {change['verdict']})"
            texts.append(f"{text} *" if row["best"] == number else text)
        rows[label(path)] = ", ".join(texts)
    if found["paired"]:
        rows["marks"] = "* better than every other beyond chance (95 %, paired bootstrap)"
    if "page" in found:
        rows["page"] = found["page"]
    return rows
