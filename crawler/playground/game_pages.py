"""The game for one player over HTTP: its pages and its API. The rules are in `game.py`.

The page learns the coordinates of a round only by guessing it.
"""

from typing import Any

from aiohttp import web

from crawler.playground.dealing import dealt, login_expired, picture, rate_limited
from crawler.playground.game import ROUNDS, Game, NoSuchGame
from crawler.playground.guard import PLAYER, Route, error, page
from crawler.playground.server import Server
from crawler.playground.world import uniform


class GamePages:
    """The handlers. Each reads the request, asks the book, and answers."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/game/{game}", self.game, "page"),
            Route("GET", "/games", self.past_games, "page"),
            Route("GET", "/results/{game}", self.results, "page"),
            Route("GET", "/api/games", self.list_games, "api"),
            Route("POST", "/api/games", self.deal, "start"),
            Route("GET", "/api/games/{game}", self.current_round, "round"),
            Route("POST", "/api/games/{game}/guess", self.guess, "guess"),
            Route("GET", "/api/results/{game}", self.breakdown, "results"),
        ]

    async def game(self, request: web.Request) -> web.StreamResponse:
        self._own_game(request)
        return page("game.html")

    async def past_games(self, _request: web.Request) -> web.StreamResponse:
        return page("games.html")

    async def results(self, _request: web.Request) -> web.StreamResponse:
        return page("results.html")

    async def list_games(self, request: web.Request) -> web.StreamResponse:
        games = [
            {"id": game.id, "played": len(game.guesses), "score": game.score}
            for game in self.server.book.of(request[PLAYER])
        ]
        return web.json_response({"rounds": ROUNDS, "games": games})

    async def deal(self, request: web.Request) -> web.StreamResponse:
        if (refusal := rate_limited(self.server, request)) is not None:
            return refusal
        book, player = self.server.book, request[PLAYER]
        again = self.server.luck.strikes("same_game")
        game = book.deal_again(player) if again else book.deal(player)
        return dealt(self.server, game.id)

    async def current_round(self, request: web.Request) -> web.StreamResponse:
        if (refusal := login_expired(self.server, request)) is not None:
            return refusal
        game = self._own_game(request)
        answer: dict[str, Any] = {
            "id": game.id,
            "rounds": ROUNDS,
            "score": game.score,
            "finished": game.finished,
        }
        if not game.finished:
            number = len(game.guesses) + 1
            shown = await picture(self.server, game.id, number, game.rounds[number - 1])
            answer |= {"round": number, **shown}
        return web.json_response(answer)

    async def guess(self, request: web.Request) -> web.StreamResponse:
        if (refusal := login_expired(self.server, request)) is not None:
            return refusal
        game = self._own_game(request)
        try:
            body = await request.json()
            number, lat, lon = int(body["round"]), float(body["lat"]), float(body["lon"])
            self.server.book.guess(game, number, lat, lon)
        except (ValueError, TypeError, KeyError, OverflowError):
            return error(400, "a guess needs round, lat and lon")
        self.server.save()
        if self.server.luck.strikes("lost_answer"):
            return error(500, "the answer got lost")
        return web.json_response({**_outcome(game, number), "last": number == ROUNDS})

    async def breakdown(self, request: web.Request) -> web.StreamResponse:
        game = self._known(self.server.book.game(request.match_info["game"]))
        if not game.finished:
            return web.json_response({"finished": False, "played": len(game.guesses)})
        rounds = [_outcome(game, number) for number in range(1, ROUNDS + 1)]
        return web.json_response({"finished": True, "score": game.score, "rounds": rounds})

    def _own_game(self, request: web.Request) -> Game:
        return self._known(self.server.book.game(request.match_info["game"], request[PLAYER]))

    def _known(self, game: Game) -> Game:
        if game.id in self.server.lost:
            raise NoSuchGame(game.id)
        return game


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
