"""The command line of this stage: arguments in, one core function called, result printed."""

from pathlib import Path
from typing import Any

import typer

from queries.choices import COUNTRY, Format, Rule, SplitBy, SplitMethod
from queries.mapping_commands import BY_HELP, bench_counting, quotas
from shards.bench import bench_group
from shards.console import print_line, print_summary
from shards.errors import UsageError
from shards.layout import DatasetLayout

DATASET = typer.Argument(..., help="The dataset directory.", show_default=False)


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    app.command("query")(query)
    app.command("quotas")(quotas)
    app.command("select")(select)
    app.command("report")(report)
    app.command("calibrate")(calibrate)
    app.command("takedown")(takedown)
    bench_group(app).command("mapping")(bench_counting)


def query(
    dataset: str = typer.Argument(
        ..., help="The dataset directory, or its address: s3://, gs://, hf://, https://."
    ),
    sql: str | None = typer.Argument(None, help="One SQL statement.", show_default=False),
    file: Path | None = typer.Option(None, "--file", help="Read the statement from a file."),
    name: str | None = typer.Option(
        None, "--name", help="A saved question: country_counts, rejections, …; `list` names all."
    ),
    param: list[str] = typer.Option(
        [], help="Value of $name in the statement, as name=value; @FILE for the text of a file."
    ),
    form: Format | None = typer.Option(
        None, "--format", help="Default: by the name of --out, else table."
    ),
    out: Path | None = typer.Option(None, "--out", help="Write to this file instead of stdout."),
    explain: bool = typer.Option(False, "--explain", help="Show how it would be run instead."),
    unsafe: bool = typer.Option(
        False,
        "--unsafe",
        help="Lift the lock: write, open any file, load extensions.",
    ),
) -> None:
    """Asks the dataset in SQL (DuckDB).

    The views are captures (every row), samples (the kept ones), duplicates, clusters, selections
    and shards. Macros: haversine_km(lat1, lon1, lat2, lon2), destination(lat, lon, bearing, km),
    cell(lat, lon, size_km), cell_centre(cell, size_km), continent(country_code), share(n). Only
    statements that read are allowed, and only the dataset's own files can be opened.
    """
    from queries import query as questions
    from queries.parameters import parse_parameters
    from queries.render import render
    from queries.sources import open_source

    if name == "list":
        render(questions.listed(), form, out)
        return
    statement = questions.statement(sql, file, name)
    given = parse_parameters(param)
    source = open_source(dataset)
    if not source.files.parts:
        print_line(f"note: {source} has no captures that are enriched; `lostfound enrich` does it")
    rows = questions.run_query(source, statement, given, explain=explain, unsafe=unsafe)
    if not render(rows, form, out):
        print_line("no rows")


def select(
    context: typer.Context,
    dataset: Path = DATASET,
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
    from queries.mapping import parse_share
    from queries.naming import column
    from queries.options import Options, decontaminate_options, spatial_options
    from queries.quotas import read_named
    from queries.select import select as make_selection
    from queries.splits import parse_shares

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
    summary = make_selection(DatasetLayout.existing(dataset), name, options)
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
    dataset: Path,
    source: Path,
    name: str | None,
    fetch_missing: str | None,
    missing_list: Path | None,
    as_json: bool,
) -> None:
    from queries.reproduce import complete, reproduce

    layout = DatasetLayout.existing(dataset)
    if fetch_missing is not None or missing_list is not None:
        complete(layout, source, fetch_missing, missing_list)
    _print_selection(dataset, reproduce(layout, source, name), as_json)


def _print_selection(dataset: Path, record: dict[str, Any], as_json: bool) -> None:
    from queries.selection_shown import notes, shown

    if as_json:
        print_summary("Selection", record, as_json=True)
        return
    written = str(dataset / "selections" / record["name"])
    print_summary(
        f"Selection {record['name']}", shown(record) | {"written": written}, as_json=False
    )
    for note in notes(record):
        print_line(note)


def report(
    dataset: Path = DATASET,
    name: str = typer.Option("default", help="The name of the report."),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON on stdout."),
) -> None:
    """Writes one HTML file about the dataset and its models; it works offline."""
    from queries.report import write_report

    summary = write_report(DatasetLayout.existing(dataset), name)
    print_summary(f"Report {name}", summary, as_json=as_json)


def calibrate(
    dataset: Path | None = typer.Argument(None, help="The dataset directory."),
    photos: Path | None = typer.Option(
        None, help="Spoil the photographs of this folder instead of the dataset's own."
    ),
    spoil: int = typer.Option(200, min=0, help="How many photographs are spoiled; 0 for none."),
    at: list[str] = typer.Option(
        [], help="Look at another threshold: min_rgb_variance=500; may be given again."
    ),
    out: Path | None = typer.Option(
        None, help="Folder for the page; default DATASET/reports/calibration."
    ),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON on stdout."),
) -> None:
    """Shows where the thresholds of `enrich` stand, and how well each score sees what it should.

    Writes one HTML file with each score's histogram, pictures on both sides of each threshold, and
    the AUC of each score between photographs and blurred, darkened and flat versions of them.
    """
    from queries import calibration

    layout = None if dataset is None else DatasetLayout.existing(dataset)
    tried = calibration.parse_thresholds(at)
    summary = calibration.calibrate(layout, photos, spoil=spoil, tried=tried, out=out)
    if as_json:
        print_summary("Calibration", summary, as_json=True)
        return
    print_summary("Calibration", calibration.shown(summary), as_json=False)


def takedown(
    path: Path = typer.Argument(help="A dataset, or a shard directory that stands alone."),
    names: list[str] | None = typer.Argument(
        None, help="Keys, addresses of pages, SHA-256 of captured files.", show_default=False
    ),
    where: str = typer.Option("", help="Also all that meet this SQL condition on a capture."),
    reason: str = typer.Option("", help="Stands beside the rules in denylist.csv."),
    dry_run: bool = typer.Option(False, "--dry-run", help="List what would go; change nothing."),
    workers: int | None = typer.Option(None, min=1, help="Shards written at a time; all cores."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Removes samples: from the next build on, and from every shard set that holds them.

    Rewrites only the shards concerned. Stopped at any point, it is finished by running it again.
    """
    from queries.takedown import takedown as run
    from shards.fanout import default_workers

    summary = run(
        path,
        names or [],
        where,
        reason=reason,
        dry_run=dry_run,
        workers=workers or default_workers(),
    ).to_json()
    if as_json:
        print_summary("Takedown", summary, as_json=True)
        return
    removed, sets = summary["removed"], summary["shard_sets"]
    shown = {
        "would_go" if dry_run else "removed_from_shards": len(removed),
        **({"keys": removed} if dry_run else {}),
        "new_rules": summary["rules"],
        "shard_sets": {
            one["path"]: f"{one['written']} of {one['shards']} tars new" for one in sets
        },
    }
    print_summary("Takedown", shown, as_json=False)
    for one in sets:
        print_line(f"note: if {one['path']} is published anywhere, publish it again")
