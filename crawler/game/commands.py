"""`lostfound crawl game` and `lostfound bench crawl`."""

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from crawler.options import (
    Contact,
    Health,
    Json,
    MetricsPort,
    Out,
    Retry,
    StatsSeconds,
    Workers,
    finish,
    monitor_options,
    retried,
)
from shards.bench import bench_group
from shards.console import print_summary
from shards.errors import UsageError

SHADOW = "shadow"
PASSWORD_VARIABLE = "LOSTFOUND_PASSWORD"  # noqa: S105 - the name of a variable


def register(app: typer.Typer) -> None:
    """Adds the benchmark."""
    bench_group(app).command("crawl")(bench_crawl_command)


def add(crawl: typer.Typer) -> None:
    """Adds the game to the sources."""
    crawl.command("game")(crawl_game_command)


def crawl_game_command(
    out: Out = "",
    url: str = typer.Option("http://127.0.0.1:8000", help="Where the game is served."),
    mode: str = typer.Option(
        "singleplayer",
        help="singleplayer; multiplayer: watches matches; results: places of games that were"
        " played before, and the end of those that were not; shadow: follows a running match.",
    ),
    games: int = typer.Option(10, help="Games that the dataset shall have in the end."),
    game: list[str] = typer.Option(
        [], help="Id or address, for results and shadow; may be repeated."
    ),
    game_list: Path | None = typer.Option(
        None, "--list", metavar="FILE", help="The same from a file: one id or address a line."
    ),
    pictures: Path | None = typer.Option(
        None, metavar="DIR", help="Also saves every picture as a file as soon as it is taken."
    ),
    workers: Workers = 1,
    pages: int = typer.Option(4, help="Games that one worker plays at a time."),
    email: str = typer.Option("", help=f"Account; its password comes from {PASSWORD_VARIABLE}."),
    contact: Contact = "",
    operator_has_permission: bool = typer.Option(
        False, "--operator-has-permission", help="The site's terms allow this; it is recorded."
    ),
    retry: Retry = "",
    metrics_port: MetricsPort = None,
    stats_seconds: StatsSeconds = 10.0,
    health: Health = "",
    as_json: Json = False,
) -> None:
    """Plays the browser geography game and photographs its rounds."""
    from crawler.game.crawl import PLAYGROUND_ACCOUNT, crawl_game, read_names
    from crawler.game.port import Account
    from crawler.state import opened_dataset

    password = os.environ.get(PASSWORD_VARIABLE, "")
    if email and not password:
        raise UsageError(f"--email: put the account's password into {PASSWORD_VARIABLE}")
    if not out and mode != SHADOW:
        raise UsageError("--out: say where the dataset is, or shall be")
    with ExitStack() as stack:
        # Who only wants the pictures of a shadowed match leaves no dataset behind.
        out = out or stack.enter_context(TemporaryDirectory(prefix="lostfound-"))
        dataset = stack.enter_context(opened_dataset(out))
        summary = crawl_game(
            dataset,
            url=url,
            mode=mode,
            games=games,
            named=[*game, *(read_names(game_list) if game_list else [])],
            pictures=pictures,
            workers=workers,
            pages=pages,
            account=Account(email, password) if email else PLAYGROUND_ACCOUNT,
            contact=contact,
            operator_has_permission=operator_has_permission,
            retry=retried(retry),
            monitor=monitor_options(metrics_port, stats_seconds, health),
        )
    finish(summary, as_json=as_json)


def bench_crawl_command(
    pages: int = typer.Option(4, min=1, help="Games that are played at a time."),
    seconds: float = typer.Option(60, min=5, help="How long each measurement lasts."),
    sweep: str = typer.Option(
        "", "--sweep", metavar="N,N,…", help="Measure ours with other numbers of pages as well."
    ),
    as_json: Json = False,
) -> None:
    """Playing against the waiting schedule of the original scraper, on the same playground."""
    from crawler.game.bench import bench_crawl

    try:
        counts = [int(word) for word in sweep.split(",") if word.strip()]
    except ValueError:
        counts = [0]
    if any(count < 1 for count in counts):
        raise UsageError(f"--sweep {sweep}: write it like --sweep 1,2,3,4,6,8")
    result = bench_crawl(pages=pages, seconds=seconds, sweep=counts)
    print_summary("bench crawl", result, as_json=as_json)
