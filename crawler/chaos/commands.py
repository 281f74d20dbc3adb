"""`lostfound bench chaos`."""

import typer

from shards.bench import bench_group
from shards.console import print_summary
from shards.errors import WorkError


def register(app: typer.Typer) -> None:
    """Adds the benchmark."""
    bench_group(app).command("chaos")(chaos)


def chaos(
    kills: int = typer.Option(50, min=0, help="How often something is killed with kill -9."),
    tasks: int = typer.Option(2000, min=10, help="Lists of one picture, and some games."),
    seed: int = typer.Option(0, help="Which process dies when."),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON."),
) -> None:
    """Kills workers, browsers and drivers of a crawl, and counts what was lost or doubled."""
    from crawler.chaos.run import bench_chaos

    result = bench_chaos(kills=kills, tasks=tasks, seed=seed)
    print_summary("bench chaos", result, as_json=as_json)
    if result["lost"] or result["duplicated"] or result["processes_left_behind"]:
        raise WorkError("captures were lost or doubled, or processes stayed; see above")
