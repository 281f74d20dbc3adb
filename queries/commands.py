"""The command line of this stage: arguments in, one core function called, result printed."""

import json
from pathlib import Path

import typer

from shards.console import print_summary


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    app.command("quotas")(quotas)


def quotas(
    pool: Path = typer.Option(..., help="What there is: JSON object or CSV country,count."),
    target: Path = typer.Option(..., help="The distribution to follow, in the same form."),
    min_share: str = typer.Option("0", help="Least share of the pool for a core country, 0 to 1."),
    slack: str | None = typer.Option(
        None, help="Let scarcer countries join down to this part of the scale, 0 to 1."
    ),
    table: bool = typer.Option(False, "--table", help="A table instead of JSON."),
) -> None:
    """How many pictures of each country follow a target distribution.

    Prints JSON: quotas, total, missing (in the target, not in the pool) and left_out (in the
    pool, without a quota).
    """
    from queries import mapping
    from queries.counts import read_counts

    result = mapping.quotas(
        read_counts(pool),
        read_counts(target),
        mapping.parse_share(min_share, "--min-share"),
        None if slack is None else mapping.parse_share(slack, "--slack"),
    ).to_json()
    if table:
        print_summary("Quotas", result, as_json=False)
    else:
        print(json.dumps(result, ensure_ascii=False))
