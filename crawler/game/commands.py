"""`lostfound crawl game`."""

import os

import typer

from crawler.options import (
    Contact,
    Json,
    MetricsPort,
    NoHealth,
    Out,
    Retry,
    StatsSeconds,
    Workers,
    finish,
    local_directory,
    monitor_options,
    retried,
)
from shards.errors import UsageError

PASSWORD_VARIABLE = "LOSTFOUND_PASSWORD"  # noqa: S105 - the name of a variable


def add(crawl: typer.Typer) -> None:
    """Adds the game to the sources."""
    crawl.command("game")(crawl_game_command)


def crawl_game_command(
    out: Out,
    url: str = typer.Option("http://127.0.0.1:8000", help="Where the game is served."),
    games: int = typer.Option(10, help="Games that the dataset shall have in the end."),
    workers: Workers = 2,
    pages: int = typer.Option(3, help="Games that one worker plays at a time."),
    email: str = typer.Option("", help=f"Account; its password comes from {PASSWORD_VARIABLE}."),
    contact: Contact = "",
    operator_has_permission: bool = typer.Option(
        False, "--operator-has-permission", help="The site's terms allow this; it is recorded."
    ),
    retry: Retry = "",
    metrics_port: MetricsPort = None,
    stats_seconds: StatsSeconds = 10.0,
    no_health: NoHealth = False,
    as_json: Json = False,
) -> None:
    """Plays the browser geography game and photographs its rounds."""
    from crawler.game.crawl import PLAYGROUND_ACCOUNT, crawl_game
    from crawler.game.port import Account
    from shards.layout import DatasetLayout

    password = os.environ.get(PASSWORD_VARIABLE, "")
    if email and not password:
        raise UsageError(f"--email: put the account's password into {PASSWORD_VARIABLE}")
    summary = crawl_game(
        DatasetLayout(local_directory(out)),
        url=url,
        games=games,
        workers=workers,
        pages=pages,
        account=Account(email, password) if email else PLAYGROUND_ACCOUNT,
        contact=contact,
        operator_has_permission=operator_has_permission,
        retry=retried(retry),
        monitor=monitor_options(metrics_port, stats_seconds, no_health=no_health),
    )
    finish(summary, as_json=as_json)
