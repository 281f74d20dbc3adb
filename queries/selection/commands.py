"""The verb `select`; `queries.commands` adds it to the command line."""

from pathlib import Path
from typing import Any

import typer

from queries.choices import COUNTRY, Rule, SplitBy, SplitMethod
from queries.distribution.commands import BY_HELP
from shards.console import print_line, print_summary
from shards.dataset import METADATA, open_dataset
from shards.errors import UsageError
from shards.layout import checked_name
from shards.remote import is_address

DATASET = typer.Argument(
    ..., help="The dataset directory, or its address: s3://, gs://, …", show_default=False
)


def select(
    context: typer.Context,
    dataset: str = DATASET,
    name: str = typer.Option("default", help="The name of the selection."),
    where: str = typer.Option("", help="An SQL condition over the columns of `samples`."),
    like: Path | None = typer.Option(
        None, help="Follow this distribution: JSON object or CSV country,count."
    ),
    rule: Rule | None = typer.Option(
        None, help="Instead of the counts of --like: the same count each, a square root, the area."
    ),
    by: str = typer.Option(COUNTRY, help=BY_HELP),
    min_share: str = typer.Option("0", help="With --like: least share of a core country, 0 to 1."),
    slack: str | None = typer.Option(
        None, help="With --like: let scarcer countries join down to this part of the scale."
    ),
    max_per: int | None = typer.Option(None, min=1, help="At most so many of each value of --by."),
    split: SplitMethod = typer.Option(
        SplitMethod.RANDOM, help="By hash of a group or key, or by blocks of the map (spatial)."
    ),
    split_by: SplitBy = typer.Option(
        SplitBy.GROUP,
        help="Never divide a game or sequence between splits (group), or hash each key alone.",
    ),
    shares: str = typer.Option("70,20,10", help="Percent of train, validation and test."),
    block_km: float | None = typer.Option(
        None, help="With --split spatial: width and height of a block; 50 by default."
    ),
    buffer_km: float | None = typer.Option(
        None, help="With --split spatial: least distance between two splits; 5 by default."
    ),
    allow_unlicensed: bool = typer.Option(
        False, "--allow-unlicensed", help="Also samples without a licence or an attribution."
    ),
    decontaminate: list[str] = typer.Option(
        [], help="Drop what this dataset, shard directory or table has too; may be given again."
    ),
    decontaminate_bits: int | None = typer.Option(
        None, help="With --decontaminate: perceptual hashes so near are one picture; 6 by default."
    ),
    decontaminate_km: float | None = typer.Option(
        None, help="With --decontaminate: places so near are one place; 0.025 by default, 0: none."
    ),
    limit: int | None = typer.Option(None, min=1, help="At most so many samples."),
    seed: int = typer.Option(0, help="Another seed, another sample and another split."),
    source: Path | None = typer.Option(
        None, "--from", help="Make this selection.json again: the same rows, or an error."
    ),
    fetch_missing: str | None = typer.Option(
        None, help="With --from: copy segments that lack here from this dataset, a folder or URL."
    ),
    missing_list: Path | None = typer.Option(
        None, help="With --from: write a CSV for `crawl urls` of samples that lack here."
    ),
    as_json: bool = typer.Option(False, "--json", help="The whole selection.json on stdout."),
) -> None:
    """Chooses samples for a dataset and divides them into train, validation and test."""
    if source is not None:
        _check_alone(context)
        own_name = None if _by_default(context, "name") else name
        _select_from(dataset, source, own_name, fetch_missing, missing_list, as_json)
        return
    if fetch_missing is not None or missing_list is not None:
        raise UsageError("--fetch-missing and --missing-list belong to --from; give it too")
    from queries.distribution.mapping import parse_share
    from queries.distribution.naming import column
    from queries.distribution.quotas import read_named
    from queries.selection.options import Options, decontaminate_options, spatial_options
    from queries.selection.select import select as make_selection
    from queries.selection.splits import parse_shares

    if like is None and rule is None and (slack is not None or min_share != "0"):
        raise UsageError("--min-share and --slack belong to --like or --rule; give one of them")
    unit = column(by)
    options = Options(
        where=where,
        like=None if like is None else read_named(like, unit),
        rule=rule,
        by=unit,
        min_share=parse_share(min_share, "--min-share"),
        slack=None if slack is None else parse_share(slack, "--slack"),
        max_per=max_per,
        split=split,
        split_by=split_by,
        shares=parse_shares(shares),
        **spatial_options(split, block_km, buffer_km),
        allow_unlicensed=allow_unlicensed,
        **decontaminate_options(decontaminate, decontaminate_bits, decontaminate_km),
        limit=limit,
        seed=seed,
    )
    with open_dataset(dataset, (*METADATA, f"selections/{checked_name(name)}")) as layout:
        summary = make_selection(layout, name, options)
    _print_selection(dataset, summary, as_json)


_WITH_FROM = {"dataset", "name", "source", "fetch_missing", "missing_list", "as_json"}


def _by_default(context: typer.Context, name: str) -> bool:
    found = context.get_parameter_source(name)
    return found is None or found.name.startswith("DEFAULT")


def _check_alone(context: typer.Context) -> None:
    others = [n for n in context.params if n not in _WITH_FROM and not _by_default(context, n)]
    if others:
        raise UsageError(
            f"--{others[0].replace('_', '-')}: the selection of --from has options of its own;"
            " leave it out"
        )


def _select_from(
    dataset: str,
    source: Path,
    name: str | None,
    fetch_missing: str | None,
    missing_list: Path | None,
    as_json: bool,
) -> None:
    from queries.selection.reproduce import complete, reproduce

    new = fetch_missing is not None and is_address(dataset)  # nothing there yet: all is fetched
    with open_dataset(dataset, (*METADATA, "selections"), new=new) as layout:
        if fetch_missing is not None or missing_list is not None:
            complete(layout, source, fetch_missing, missing_list)
        record = reproduce(layout, source, name)
    _print_selection(dataset, record, as_json)


def _print_selection(dataset: str, record: dict[str, Any], as_json: bool) -> None:
    from queries.selection.shown import notes, shown

    if as_json:
        print_summary("Selection", record, as_json=True)
        return
    written = f"{dataset.rstrip('/')}/selections/{record['name']}"
    print_summary(
        f"Selection {record['name']}", shown(record) | {"written": written}, as_json=False
    )
    for note in notes(record):
        print_line(note)
