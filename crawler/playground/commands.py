"""`lostfound playground`."""

import asyncio
from pathlib import Path

import typer

from shards.console import print_line


def register(app: typer.Typer) -> None:
    """Adds the playground's verb."""
    app.command()(playground)


def playground(
    port: int = typer.Option(8000, help="Where to listen on 127.0.0.1; 0 takes a free port."),
    seed: int = typer.Option(0, help="Another seed, another world."),
    countries: str = typer.Option("40", help="How many countries, or which: SE,JP,BR."),
    bad_share: float | None = typer.Option(None, help="Share of bad rounds, 0 to 1."),
    state: Path | None = typer.Option(None, help="File that keeps games over a restart."),
) -> None:
    """Serves a geography game on this machine."""
    from crawler.playground.world import WorldConfig

    chosen = int(countries) if countries.isdecimal() else tuple(countries.split(","))
    config = WorldConfig(seed, chosen, bad_share=0.08 if bad_share is None else bad_share)
    asyncio.run(_serve(config, port, state))


async def _serve(config: object, port: int, state: Path | None) -> None:
    from crawler.playground.server import serve
    from crawler.playground.world import WorldConfig

    assert isinstance(config, WorldConfig)
    async with serve(config, port=port, state=state) as server:
        print_line(f"playground: {server.url}  (Ctrl-C ends it)")
        await asyncio.Event().wait()
