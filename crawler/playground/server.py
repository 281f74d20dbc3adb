"""Serves the game on loopback: pages, a small JSON API, sessions. The rules are in `game.py`.

The client learns coordinates and country of a round only by guessing it.
"""

import asyncio
import hashlib
import json
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from crawler.playground.game import ROUNDS, Book, Game, NoSuchGame, WrongRound
from crawler.playground.scene import scene
from crawler.playground.world import World, WorldConfig, land_cells, listed_places, uniform
from shards.atomic import write_json
from shards.errors import UsageError

HOST = "127.0.0.1"
STATIC = Path(__file__).with_name("static")
OUTLINES = Path(__file__).parents[2] / "queries" / "outlines.json"
SESSION = "session"
MAX_BODY_BYTES = 16 << 10
CONSENT_DELAY_MS = (150, 900)
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
PLAYER: web.RequestKey[str] = web.RequestKey("player", str)


@dataclass
class Server:
    """A running playground: where it is, its games, and who is signed in (token to player)."""

    world: World
    book: Book
    state: Path | None
    truth: bool
    port: int = 0
    sessions: dict[str, str] = field(default_factory=dict)
    visitors: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def save(self) -> None:
        """Writes the state file, if there is one, atomically."""
        if self.state is not None:
            write_json(self.state, {**self.book.to_state(), "sessions": self.sessions})


@asynccontextmanager
async def serve(
    config: WorldConfig | None = None,
    *,
    port: int = 0,
    state: Path | None = None,
    truth: bool = False,
) -> AsyncIterator[Server]:
    """Serves a world until the block ends; port 0 takes a free one (see `.url`).

    `state` keeps games and sessions in a file. `truth` adds `/api/truth/<game>` for tests.
    Raises UsageError when the port is taken or the state cannot be used.
    """
    server = _open(config or WorldConfig(), state, truth)
    runner = web.AppRunner(_application(server), access_log=None, shutdown_timeout=0.2)
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
    config: WorldConfig | None = None,
    *,
    port: int = 0,
    state: Path | None = None,
    truth: bool = False,
) -> Iterator[Server]:
    """`serve` for callers without an event loop: it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="playground", daemon=True)
    thread.start()
    running = serve(config, port=port, state=state, truth=truth)

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


def _open(config: WorldConfig, state: Path | None, truth: bool) -> Server:
    world = World(config)
    saved: dict[str, Any] | None = None
    if state is not None and state.exists():
        try:
            saved = json.loads(state.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"{state}: not a state file of the playground ({error})") from None
    if saved is None:
        server = Server(world, Book(world), state, truth)
    else:
        try:
            book = Book.from_state(world, saved)
            server = Server(world, book, state, truth, sessions=dict(saved["sessions"]))
        except (KeyError, TypeError, AttributeError):
            raise UsageError(f"{state}: not a state file of the playground") from None
    try:
        server.save()
    except OSError as error:
        raise UsageError(f"{state}: cannot write there ({error.strerror})") from None
    return server


def _application(server: Server) -> web.Application:
    pages = Pages(server)
    app = web.Application(middlewares=[pages.guard], client_max_size=MAX_BODY_BYTES)
    app.add_routes(
        [
            web.get("/", pages.lobby),
            web.get("/login", pages.login_form),
            web.post("/login", pages.login),
            web.get("/game/{game}", pages.game),
            web.get("/results/{game}", pages.results),
            web.get("/api/games", pages.list_games),
            web.post("/api/games", pages.deal),
            web.get("/api/games/{game}", pages.current_round),
            web.post("/api/games/{game}/guess", pages.guess),
            web.get("/api/results/{game}", pages.breakdown),
            web.get("/api/map", pages.world_map),
            web.get("/robots.txt", pages.robots),
            web.get("/healthz", pages.healthz),
            web.static("/static", STATIC),
        ]
    )
    if server.truth:
        app.router.add_get("/api/truth/{game}", pages.truth)
    return app


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """The handlers. Each reads the request, asks the book, and answers."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.map_bytes = _map_bytes()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Asks for a session where one is needed; turns the rules' answers into statuses."""
        player = self.server.sessions.get(request.cookies.get(SESSION, ""))
        if player is None and not _is_public(request.path):
            if request.path.startswith("/api/"):
                return _error(401, "log in first")
            raise web.HTTPSeeOther(f"/login?next={request.path}")
        request[PLAYER] = player or ""
        try:
            response = await handler(request)
        except NoSuchGame:
            response = _error(404, "game not found")
        except WrongRound:
            response = _error(409, "this round has not begun")
        response.headers.update(HEADERS)
        if "consent_delay" not in request.cookies and response.content_type == "text/html":
            response.set_cookie("consent_delay", str(self._consent_delay()), samesite="Lax")
        return response

    def _consent_delay(self) -> int:
        """How late the banner comes, in ms: it depends on the seed and on who is the n-th."""
        self.server.visitors += 1
        low, high = CONSENT_DELAY_MS
        share = uniform(self.server.world.config.seed, "consent", self.server.visitors)
        return round(low + share * (high - low))

    async def login_form(self, request: web.Request) -> web.StreamResponse:
        if request[PLAYER]:
            raise web.HTTPSeeOther("/")
        return _page("login.html")

    async def login(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        email, password = str(form.get("email", "")).strip(), str(form.get("password", ""))
        if "@" not in email or not password:
            raise web.HTTPSeeOther("/login?failed")
        token = secrets.token_urlsafe(18)
        player = hashlib.sha256(email.lower().encode()).hexdigest()[:12]
        self.server.sessions[token] = player
        self.server.save()
        answer = web.HTTPSeeOther(_local_path(request.query.get("next", "/")))
        answer.set_cookie(SESSION, token, httponly=True, samesite="Lax")
        raise answer

    async def lobby(self, _request: web.Request) -> web.StreamResponse:
        return _page("lobby.html")

    async def game(self, request: web.Request) -> web.StreamResponse:
        self.server.book.game(request.match_info["game"], request[PLAYER])
        return _page("game.html")

    async def results(self, _request: web.Request) -> web.StreamResponse:
        return _page("results.html")

    async def list_games(self, request: web.Request) -> web.StreamResponse:
        games = [
            {"id": game.id, "played": len(game.guesses), "score": game.score}
            for game in self.server.book.of(request[PLAYER])
        ]
        return web.json_response({"rounds": ROUNDS, "games": games})

    async def deal(self, request: web.Request) -> web.StreamResponse:
        game = self.server.book.deal(request[PLAYER])
        self.server.save()
        return web.json_response({"id": game.id}, status=201)

    async def current_round(self, request: web.Request) -> web.StreamResponse:
        game = self._own_game(request)
        answer: dict[str, Any] = {
            "id": game.id,
            "rounds": ROUNDS,
            "score": game.score,
            "finished": game.finished,
        }
        if not game.finished:
            number = len(game.guesses) + 1
            dealt = game.rounds[number - 1]
            answer |= {"round": number, "scene": scene(self.server.world.config, dealt)}
        return web.json_response(answer)

    async def guess(self, request: web.Request) -> web.StreamResponse:
        game = self._own_game(request)
        try:
            body = await request.json()
            number, lat, lon = int(body["round"]), float(body["lat"]), float(body["lon"])
            self.server.book.guess(game, number, lat, lon)
        except (ValueError, TypeError, KeyError, OverflowError):
            return _error(400, "a guess needs round, lat and lon")
        self.server.save()
        return web.json_response({**_outcome(game, number), "last": number == ROUNDS})

    async def breakdown(self, request: web.Request) -> web.StreamResponse:
        game = self.server.book.game(request.match_info["game"])
        if not game.finished:
            return web.json_response({"finished": False, "played": len(game.guesses)})
        rounds = [_outcome(game, number) for number in range(1, ROUNDS + 1)]
        return web.json_response({"finished": True, "score": game.score, "rounds": rounds})

    async def world_map(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self.map_bytes, content_type="application/json")

    async def truth(self, request: web.Request) -> web.StreamResponse:
        game = self.server.book.game(request.match_info["game"])
        return web.json_response(
            [
                {
                    "lat": dealt.place.lat,
                    "lon": dealt.place.lon,
                    "country": dealt.place.country,
                    "kind": dealt.kind,
                }
                for dealt in game.rounds
            ]
        )

    async def robots(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="User-agent: *\nAllow: /\n")

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "games": len(self.server.book.games)})

    def _own_game(self, request: web.Request) -> Game:
        return self.server.book.game(request.match_info["game"], request[PLAYER])


def _outcome(game: Game, number: int) -> dict[str, Any]:
    """What a player may know of a round once it is guessed."""
    place, guess = game.rounds[number - 1].place, game.guesses[number - 1]
    heading = round(360 * uniform(0, "heading", place.lat, place.lon), 1)
    return {
        "round": number,
        "lat": place.lat,
        "lon": place.lon,
        "heading": heading,
        "guess": {"lat": guess.lat, "lon": guess.lon},
        "distance_km": guess.distance_km,
        "score": guess.score,
    }


def _is_public(path: str) -> bool:
    return path.startswith(("/static/", "/api/truth/")) or path in (
        "/login",
        "/robots.txt",
        "/healthz",
    )


def _local_path(path: str) -> str:
    """`path` when it stays on this server, else the lobby."""
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if local and path.isprintable() else "/"


def _page(name: str) -> web.Response:
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/html")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def _map_bytes() -> bytes:
    """What the guess map is drawn from: country outlines, or the towns of the world."""
    if OUTLINES.exists():
        return OUTLINES.read_bytes()
    places = (place for towns in listed_places().values() for place in towns)
    return json.dumps({"cells": land_cells(places)}).encode()
