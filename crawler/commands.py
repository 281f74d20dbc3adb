"""The command line of this stage: `lostfound crawl SOURCE`, and the verbs beside it."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from crawler.chaos import commands as chaos
from crawler.game import commands as game
from crawler.imports import commands as imports
from crawler.playground import commands as playground
from crawler.sources import commands as sources
from crawler.urls import commands as urls
from shards.console import print_line, print_summary
from shards.errors import UsageError


class Sources(TyperGroup):
    """The group of all sources; a word that is none of them is refused with the whole list."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:
            raise UsageError(
                f"source {cmd_name!r}: not known; known are {', '.join(self.commands)}"
            )
        return found


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    playground.register(app)
    imports.register(app)
    chaos.register(app)
    urls.register(app)
    game.register(app)
    crawl = typer.Typer(cls=Sources, invoke_without_command=True)
    crawl.callback()(crawl_group)
    game.add(crawl)
    urls.add(crawl)
    sources.add(crawl)
    app.add_typer(crawl, name="crawl")


def crawl_group(
    context: typer.Context,
    status: str = typer.Option("", metavar="DATASET", help="What was crawled into DATASET so far."),
    scale: str = typer.Option(
        "", metavar="N:DATASET/raw/SOURCE", help="Give a running crawl N workers from now on."
    ),
    as_json: bool = typer.Option(False, "--json", help="The status as JSON."),
) -> None:
    """Collects captures from a source. Run again, it goes on where it was stopped or killed."""
    if context.invoked_subcommand:
        return
    if scale:
        _scale(scale)
    elif status:
        from crawler.state import known_dataset
        from crawler.status import crawl_status

        layout = known_dataset(status)
        found = crawl_status(layout)
        values = found.to_dict() if as_json else found.to_table()
        print_summary(f"crawls of {status}", values, as_json=as_json)
    else:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


def _scale(text: str) -> None:
    from pathlib import Path

    from crawler.crawl import scale

    number, colon, directory = text.partition(":")
    if not (colon and number.isdecimal()):
        raise UsageError(f"--scale {text}: write it like --scale 4:DATASET/raw/SOURCE")
    scale(Path(directory), int(number))
    print_line(f"{directory}: the crawl that runs there will have {number} workers")
