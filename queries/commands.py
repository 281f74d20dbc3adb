"""The command line of this stage: arguments in, one core function called, result printed."""

from contextlib import nullcontext
from pathlib import Path

import typer

from queries.choices import Format
from queries.distribution.commands import bench_counting, quotas
from queries.selection.commands import select
from shards.bench import bench_group
from shards.console import print_line, print_summary
from shards.dataset import open_dataset

DATASET = typer.Argument(
    ..., help="The dataset directory, or its address: s3://, gs://, …", show_default=False
)


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
    from queries.question import query as questions
    from queries.question.parameters import parse_parameters
    from queries.question.render import render
    from queries.views.sources import open_source

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


def report(
    dataset: str = DATASET,
    name: str = typer.Option("default", help="The name of the report."),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON on stdout."),
) -> None:
    """Writes one HTML file about the dataset and its models; it works offline."""
    from queries.report.report import READS, write_report

    with open_dataset(dataset, READS) as layout:
        summary = write_report(layout, name)
    print_summary(f"Report {name}", summary, as_json=as_json)


def calibrate(
    dataset: str | None = typer.Argument(None, help="The dataset directory, or its address."),
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

    tried = calibration.parse_thresholds(at)
    with nullcontext() if dataset is None else open_dataset(dataset) as layout:
        summary = calibration.calibrate(layout, photos, spoil=spoil, tried=tried, out=out)
    if as_json:
        print_summary("Calibration", summary, as_json=True)
        return
    print_summary("Calibration", calibration.shown(summary), as_json=False)


def takedown(
    path: str = typer.Argument(
        help="A dataset, or a shard directory that stands alone; or its address."
    ),
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
        **({"keys": removed} if dry_run else {"new_rules": summary["rules"]}),
        "shard_sets": {
            one["path"]: f"{one['removed']} of its samples"
            + ("" if dry_run else f", {one['written']} of {one['shards']} tars new")
            for one in sets
        },
    }
    print_summary("Takedown", shown, as_json=False)
    for one in [] if dry_run else sets:
        print_line(f"note: if {one['path']} is published anywhere, publish it again")
    if summary["keeps_versions"] and not dry_run:
        print_line(
            f"note: {path} keeps earlier versions of files; what was removed can be read in them"
            " until the bucket's owner lets them expire"
        )
