"""`lostfound playground`: serves the game, or draws labelled pictures of its world."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from shards.console import print_line, print_summary
from shards.errors import UsageError

if TYPE_CHECKING:
    from crawler.playground.server import Options
    from crawler.playground.world import WorldConfig

SERVED_BAD_SHARE = 0.08
SERVING, TESTING, EXPORT = "Serving", "Tests of a crawler", "Export"


def register(app: typer.Typer) -> None:
    """Adds the playground's verb."""
    app.command()(playground)


def playground(
    seed: int = typer.Option(0, help="Another seed, another world."),
    countries: str = typer.Option("40", help="How many countries, or which: SE,JP,BR."),
    bad_share: float | None = typer.Option(
        None, help="Share of bad rounds, 0 to 1; 0.08 if not given, 0 in an export."
    ),
    port: int = typer.Option(
        8000, help="Where to listen on 127.0.0.1; 0 takes a free port.", rich_help_panel=SERVING
    ),
    state: Path | None = typer.Option(
        None, help="File that keeps games over a restart.", rich_help_panel=SERVING
    ),
    round_seconds: float = typer.Option(
        20, help="How long a round of a match takes.", rich_help_panel=SERVING
    ),
    past: int = typer.Option(
        0, help="Finished games that were played before.", rich_help_panel=TESTING
    ),
    fault: list[str] = typer.Option(
        [],
        help="NAME=SHARE goes wrong; repeatable. A wrong NAME lists all.",
        rich_help_panel=TESTING,
    ),
    disallow: list[str] = typer.Option(
        [], help="Path that robots.txt forbids; repeatable.", rich_help_panel=TESTING
    ),
    crawl_delay: float = typer.Option(
        0, help="Seconds that robots.txt asks for.", rich_help_panel=TESTING
    ),
    export: int | None = typer.Option(
        None, help="Draw this many labelled pictures, and end.", rich_help_panel=EXPORT
    ),
    out: Path | None = typer.Option(None, help="Folder for them.", rich_help_panel=EXPORT),
    width: int = typer.Option(640, help="Width of a picture.", rich_help_panel=EXPORT),
    height: int = typer.Option(360, help="Height of a picture.", rich_help_panel=EXPORT),
    sheet: Path | None = typer.Option(
        None, help="Also write a contact sheet: a JPEG file.", rich_help_panel=EXPORT
    ),
    as_json: bool = typer.Option(
        False, "--json", help="The export's summary as JSON.", rich_help_panel=EXPORT
    ),
) -> None:
    """Serves a geography game on this machine, or draws labelled pictures of its world.

    Any e-mail address and any password sign in.
    """
    if export is None:
        if out is not None or sheet is not None:
            raise UsageError("--out and --sheet belong to --export N")
        config = _config(seed, countries, SERVED_BAD_SHARE if bad_share is None else bad_share)
        options = _options(fault, round_seconds, disallow, crawl_delay)
        asyncio.run(_serve(config, past, {**options, "port": port, "state": state}))
        return
    if out is None:
        raise UsageError("--export needs --out DIR")
    if fault or past or disallow or crawl_delay:
        raise UsageError("--past, --fault, --disallow and --crawl-delay are for serving only")
    from crawler.playground.export import export as draw_pictures
    from crawler.playground.sheet import write_sheet

    config = _config(seed, countries, bad_share or 0.0)
    summary = draw_pictures(config, export, out, width=width, height=height)
    if sheet is not None:
        write_sheet(out, sheet)
        summary["sheet"] = str(sheet)
    print_summary("pictures of the playground", summary, as_json=as_json)


def _config(seed: int, countries: str, bad_share: float) -> "WorldConfig":
    from crawler.playground.world import WorldConfig

    if countries.lstrip("-").isdecimal():
        return WorldConfig(seed, int(countries), bad_share=bad_share)
    return WorldConfig(seed, tuple(countries.split(",")), bad_share=bad_share)


def _options(
    fault: list[str], round_seconds: float, disallow: list[str], crawl_delay: float
) -> "Options":
    from crawler.playground.faults import parse_faults
    from crawler.playground.log import Robots
    from crawler.playground.multiplayer import Pace

    if round_seconds <= 0:
        raise UsageError(f"--round-seconds {round_seconds:g}: give more than 0")
    return {
        "faults": parse_faults(fault),
        "pace": Pace(round=round_seconds),
        "robots": Robots(tuple(disallow), crawl_delay),
    }


async def _serve(config: "WorldConfig", past: int, options: "Options") -> None:
    from crawler.playground.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if past < 0:
        raise UsageError(f"--past {past}: give 0 or more")
    async with serve(config, **options) as server:
        server.add_past_games(max(0, past - server.finished_games()))
        print_line(f"playground: {server.url}  (Ctrl-C ends it)")
        await stop.wait()
