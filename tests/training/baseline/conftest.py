"""A game on small shards, and the real server of it on loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from training.baseline.app import make_app
from training.baseline.deck import Deck, Resolution, read_deck
from training.baseline.game import Game
from training.baseline.machine import Machine
from training.deploy.serve.server import listen, make_server
from training.deploy.serve.settings import Settings

ROUNDS = 3
Playing = Callable[..., str]


@pytest.fixture(scope="session")
def deck(shards: Path) -> Deck:
    return read_deck(shards, "test", Resolution(48, 27))


@pytest.fixture
def game(deck: Deck, tmp_path: Path) -> Iterator[Game]:
    found = Game(deck, tmp_path / "baseline", rounds=ROUNDS, seed=0)
    yield found
    found.close()


@contextmanager
def _serving(game: Game, machine: Machine | None) -> Iterator[str]:
    ready, listening = threading.Event(), listen("127.0.0.1", 0)
    server = make_server(make_app(game, machine), Settings(), ready.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    assert ready.wait(20)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture
def playing() -> Iterator[Playing]:
    """Serves a game until the end of the test; gives its address."""
    with ExitStack() as stack:

        def serve(game: Game, machine: Machine | None = None) -> str:
            return stack.enter_context(_serving(game, machine))

        yield serve
