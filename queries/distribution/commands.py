"""The verb `quotas` and its benchmark; `queries.commands` adds them to the command line."""

import json
from pathlib import Path

import typer

from queries.choices import COUNTRY, Rule
from shards.console import print_line, print_summary

BY_HELP = "Count by country, region, cell (of 10 km), or a column or expression over `samples`."


def quotas(
    pool: Path | None = typer.Option(None, help="What there is: JSON object or CSV country,count."),
    dataset: Path | None = typer.Option(None, help="Count the samples of this dataset instead."),
    target: Path | None = typer.Option(None, help="The distribution to follow, in the same form."),
    rule: Rule | None = typer.Option(
        None, help="Follow the target, or: the same count each, a square root, the area."
    ),
    by: str = typer.Option(COUNTRY, help=BY_HELP),
    min_share: str = typer.Option("0", help="Least share of the pool for a core country, 0 to 1."),
    slack: str | None = typer.Option(
        None, help="Let scarcer countries join down to this part of the scale, 0 to 1."
    ),
    max_per: int | None = typer.Option(None, min=1, help="At most so many of each."),
    frontier: Path | None = typer.Option(
        None, help="Write what every threshold would keep: a page with a plot, .csv or .json."
    ),
    table: bool = typer.Option(False, "--table", help="A table instead of JSON."),
) -> None:
    """How many pictures of each country follow a target distribution.

    Prints JSON: quotas, total, missing (in the target, not in the pool) and left_out (in the
    pool, without a quota). Countries go by code or by any name.
    """
    from queries.distribution import quotas as planned
    from queries.distribution.mapping import parse_share
    from queries.distribution.naming import column, suggestions
    from queries.distribution.rules import map_pool

    unit = column(by)
    counts = planned.read_pool(pool, dataset, unit)
    wish = planned.wish_for(
        counts,
        unit,
        rule=rule,
        target=None if target is None else planned.read_named(target, unit),
        min_share=parse_share(min_share, "--min-share"),
        slack=None if slack is None else parse_share(slack, "--slack"),
        max_per=max_per,
        where="--target",
    )
    mapping = map_pool(counts, wish)
    if frontier is not None:
        from queries.distribution.frontier_files import write_frontier

        write_frontier(frontier, counts, wish, unit)
    for line in suggestions(mapping.missing, unit):
        print_line(f"note: {line}")
    if table:
        print_summary("Quotas", mapping.to_json(), as_json=False)
    else:
        print(json.dumps(mapping.to_json(), ensure_ascii=False))


def bench_counting(
    rows: int = typer.Option(100_000_000, min=1_000, help="Metadata rows, 50 bytes each on disk."),
    pandas_rows: int = typer.Option(10_000_000, min=1, help="How many of them pandas gets."),
    folder: Path | None = typer.Option(None, help="Where the rows are put until the end."),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON on stdout."),
) -> None:
    """Counts, mapping and a selection of 1 % over many metadata rows, against pandas."""
    from queries.bench.mapping import bench_mapping

    print_summary("bench mapping", bench_mapping(rows, pandas_rows, folder), as_json=as_json)
