"""The command line of this stage: arguments in, one core function called, result printed."""

import os
from enum import StrEnum
from pathlib import Path

import typer

from crawler.imports import commands as imports
from crawler.playground import commands as playground
from crawler.reasons import count_text
from shards.console import print_summary
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout

PASSWORD_VARIABLE = "LOSTFOUND_PASSWORD"  # noqa: S105 - the name of a variable


class Source(StrEnum):
    """What can be crawled."""

    GAME = "game"


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    playground.register(app)
    imports.register(app)
    app.command()(crawl)


def crawl(
    source: str = typer.Argument(help=f"What to crawl: {', '.join(Source)}."),
    out: Path = typer.Option(help="Dataset directory; made if it does not exist."),
    url: str = typer.Option("http://127.0.0.1:8000", help="Where the game is served."),
    games: int = typer.Option(10, help="Games that the dataset shall have in the end."),
    workers: int = typer.Option(2, help="Ray actors, each with one browser."),
    pages: int = typer.Option(3, help="Games that one worker plays at a time."),
    email: str = typer.Option("", help=f"Account; its password comes from {PASSWORD_VARIABLE}."),
    contact: str = typer.Option("", help="Where the site's operator can reach you."),
    operator_has_permission: bool = typer.Option(
        False, "--operator-has-permission", help="The site's terms allow this; it is recorded."
    ),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON."),
) -> None:
    """Collects captures from a source. Run again, it goes on where it was stopped."""
    if source not in list(Source):
        raise UsageError(f"source {source!r}: not known; known are {', '.join(Source)}")
    from crawler.game.crawl import PLAYGROUND_ACCOUNT, crawl_game
    from crawler.game.play import Account

    password = os.environ.get(PASSWORD_VARIABLE, "")
    if email and not password:
        raise UsageError(f"--email: put the account's password into {PASSWORD_VARIABLE}")
    summary = crawl_game(
        DatasetLayout(out),
        url=url,
        games=games,
        workers=workers,
        pages=pages,
        account=Account(email, password) if email else PLAYGROUND_ACCOUNT,
        contact=contact,
        operator_has_permission=operator_has_permission,
    )
    print_summary("crawl", summary.to_dict(), as_json=as_json)
    if summary.tasks_failed:
        reasons = count_text(summary.failed.items())
        raise WorkError(f"{summary.tasks_failed} games failed ({reasons}); run it again for those")
