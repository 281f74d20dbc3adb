"""`lostfound baseline`: arguments in, a game on loopback or its results out."""

from pathlib import Path
from typing import Any

import typer

from shards.console import print_line, print_summary
from shards.errors import UsageError
from shards.remote import is_address
from training.deploy.argument import located

_DEFAULT_SIZE = "320x180"
_HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Adds this part's verb to the `lostfound` command."""
    app.command("baseline")(baseline)


def baseline(
    shards: str = typer.Option(
        ..., "--shards", help="A shard directory, as `build` writes it, or its address."
    ),
    model: str = typer.Option(
        None, "--model", help="A model, here or elsewhere: answers the very same photographs."
    ),
    split: str = typer.Option("test", "--split", help="train, validation or test."),
    resolution: str | None = typer.Option(
        None,
        "--resolution",
        help="WIDTHxHEIGHT.",
        show_default=f"the model's, else {_DEFAULT_SIZE}",
    ),
    rounds: int = typer.Option(30, "--rounds", min=1, help="Photographs for each person."),
    seed: int = typer.Option(0, "--seed", help="Of the order in which photographs are shown."),
    out: Path = typer.Option(
        None,
        "--out",
        help="Where answers are kept.",
        show_default="DATASET/baseline/<shards>",
    ),
    port: int = typer.Option(8460, "--port", min=0, max=65535, help="0 takes a free one."),
    show_results: bool = typer.Option(False, "--results", help="Print what there is and stop."),
    as_json: bool = typer.Option(False, "--json", help="Print the results as one JSON object."),
) -> None:
    """People guess the countries of held-out photographs, in a browser. Ctrl-C stops it.

    Whatever was answered is kept; the results stand beside the model's and the report's.
    """
    from training.baseline.app import all_results, make_app
    from training.baseline.deck import parse_resolution, read_deck
    from training.baseline.game import Game
    from training.baseline.machine import Machine, model_size
    from training.deploy.serve.server import listen, make_server, run_server
    from training.deploy.serve.settings import Settings

    path = located(model) if model else None
    if resolution is None:
        resolution = "x".join(map(str, model_size(path))) if path else _DEFAULT_SIZE
    out = out or _default_out(shards, split, resolution)
    deck = read_deck(shards, split, parse_resolution(resolution))
    machine = Machine(path, deck) if path else None
    game = Game(deck, out, rounds=rounds, seed=seed)
    try:
        if not show_results:
            listening = listen(_HOST, port)
            address = f"http://{_HOST}:{listening.getsockname()[1]}/"
            server = make_server(
                make_app(game, machine),
                Settings(),
                lambda: print_line(f"baseline: {address} (results: {address}results)"),
            )
            run_server(server, listening)
        found = all_results(game, machine)
    finally:
        game.close()
    print_summary("baseline", found if as_json else _rows(found), as_json=as_json)


def _default_out(shards: str, split: str, resolution: str) -> Path:
    if is_address(shards):
        raise UsageError(f"{shards}: not on this machine; say where answers go: --out")
    directory = Path(shards).resolve()
    if directory.parent.name != "shards":
        raise UsageError(f"{shards}: not in a dataset's shards/; say where answers go: --out")
    return directory.parent.parent / "baseline" / f"{directory.name}-{split}-{resolution.lower()}"


def _rows(found: dict[str, Any]) -> dict[str, Any]:
    """The results for people: everybody's, the model's beside them, and the report's."""
    pooled = [found["pooled"]] if len(found["people"]) > 1 else []
    rows: dict[str, Any] = {}
    for number, person in enumerate((*found["people"], *pooled), 1):
        own = {"photographs": person["photographs"], "person": _line(person)}
        if "model" in person:
            own["model"] = _line(person["model"])
            own["McNemar's p, top-1"] = float(person["mcnemar"]["top1"]["p"])
        rows[f"{number}. {person['name']}"] = own
    rows["report"] = {
        f"{player['name']} ({player['photographs']})": _line(player) for player in found["report"]
    }
    return rows


def _line(row: dict[str, Any]) -> str:
    return ", ".join(
        f"top-{k} {row[f'top{k}']:.0%} ({row[f'top{k}_low']:.0%} to {row[f'top{k}_high']:.0%})"
        for k in (1, 3, 5)
    )
