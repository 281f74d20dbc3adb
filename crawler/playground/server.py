"""A running playground: its games, its sessions, its state file. The pages are in `app.py`."""

import asyncio
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, Unpack

from aiohttp import web

from crawler.playground import multiplayer_view
from crawler.playground.faults import Faults, Luck
from crawler.playground.game import ROUNDS, Book
from crawler.playground.log import Log, Robots
from crawler.playground.multiplayer import Matches, Pace
from crawler.playground.world import World, WorldConfig
from shards.atomic import write_json
from shards.errors import UsageError

HOST = "127.0.0.1"
PLAYER_EMAIL = "player@playground.invalid"
"""The account that past games belong to unless another is given."""


class Options(TypedDict, total=False):
    """What `serve` takes beside the world."""

    port: int
    """0, the default, takes a free one."""
    state: Path | None
    """A file that keeps games and sessions over a restart."""
    truth: bool
    """Adds `/api/truth/<game>`, for tests."""
    faults: Faults
    pace: Pace
    """How long the rounds of a match against others are."""
    robots: Robots
    clock: Callable[[], float]
    """Seconds since the epoch; a test may give its own."""


@dataclass
class Server:
    """Where it is, its games, who is signed in (token to player), what it served."""

    world: World
    book: Book
    matches: Matches
    luck: Luck
    robots: Robots
    clock: Callable[[], float]
    state: Path | None
    truth: bool
    log: Log = field(default_factory=Log)
    port: int = 0
    sessions: dict[str, str] = field(default_factory=dict)
    visitors: int = 0
    lost: set[str] = field(default_factory=set)
    """Games that were dealt and are not found any more."""
    walled: set[str] = field(default_factory=set)
    """Sessions that see a CAPTCHA, players that are banned."""
    wait_until: dict[str, float] = field(default_factory=dict)
    """By player: before this time no game is dealt."""
    starts: dict[str, deque[float]] = field(default_factory=dict)
    """By player: when the last games were dealt, as many as the limit needs to know."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def save(self) -> None:
        """Writes the state file, if there is one, atomically."""
        if self.state is not None:
            matches = self.matches.to_state()
            state = {**self.book.to_state(), "matches": matches, "sessions": self.sessions}
            write_json(self.state, state)

    def add_past_games(
        self, finished: int, unfinished: int = 0, email: str = PLAYER_EMAIL
    ) -> list[str]:
        """Games that somebody played before, without a browser; their ids, finished ones first.

        Unfinished ones have 0 to 4 guesses, in turn.
        """
        owner = player_id(email)
        played = [ROUNDS] * finished + [index % ROUNDS for index in range(unfinished)]
        games = [self.book.deal_past(owner, rounds) for rounds in played]
        self.save()
        return [game.id for game in games]

    def finished_games(self) -> int:
        return sum(game.finished for game in self.book.games.values())

    def truth_of(self, game_id: str) -> list[dict[str, Any]]:
        """Where each round of a game or a match is. Raises NoSuchGame."""
        if game_id in self.matches.matches:
            return multiplayer_view.truth(self.matches.match(game_id).rounds)
        return multiplayer_view.truth(self.book.game(game_id).rounds)


def player_id(email: str) -> str:
    """Who an account is: the address itself is kept nowhere."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:12]


@asynccontextmanager
async def serve(
    config: WorldConfig | None = None, **options: Unpack[Options]
) -> AsyncIterator[Server]:
    """Serves a world until the block ends; where it is says `.url`.

    Raises UsageError when the port is taken or the state cannot be used.
    """
    from crawler.playground.app import application

    server, port = _open(config or WorldConfig(), options), options.get("port", 0)
    runner = web.AppRunner(application(server), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port}: cannot listen ({error}); give another --port") from None
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def start_in_thread(
    config: WorldConfig | None = None, **options: Unpack[Options]
) -> Iterator[Server]:
    """`serve` for callers without an event loop: it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="playground", daemon=True)
    thread.start()
    running = serve(config, **options)

    def wait(step: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step(), loop).result()

    try:
        yield wait(running.__aenter__)
    finally:
        try:
            wait(lambda: _leave(running))
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _leave(running: Any) -> None:
    if running.gen.ag_frame is not None:
        await running.__aexit__(None, None, None)


def _open(config: WorldConfig, options: Options) -> Server:
    world, state = World(config), options.get("state")
    server = Server(
        world,
        Book(world),
        Matches(world, options.get("pace")),
        Luck(config.seed, options.get("faults") or Faults()),
        options.get("robots") or Robots(),
        options.get("clock") or time.time,
        state,
        options.get("truth", False),
    )
    if state is not None:
        if state.exists():
            _load(server, state)
        try:
            server.save()
        except OSError as error:
            raise UsageError(f"{state}: cannot write there ({error.strerror})") from None
    return server


def _load(server: Server, state: Path) -> None:
    try:
        saved = json.loads(state.read_bytes())
        server.book = Book.from_state(server.world, saved)
        server.matches.load(saved.get("matches", []))
        server.sessions = dict(saved["sessions"])
    except (OSError, ValueError) as error:
        raise UsageError(f"{state}: not a state file of the playground ({error})") from None
    except (KeyError, TypeError, AttributeError):
        raise UsageError(f"{state}: not a state file of the playground") from None
