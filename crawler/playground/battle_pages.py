"""The game against others over HTTP: its page and its API. The rules are in `multiplayer.py`.

Who did not join a match may watch it under the same address.
"""

from aiohttp import web

from crawler.playground.dealing import dealt, login_expired, picture, rate_limited
from crawler.playground.game import NoSuchGame, WrongRound
from crawler.playground.guard import PLAYER, Route, error, page
from crawler.playground.multiplayer import Match
from crawler.playground.multiplayer_view import view
from crawler.playground.server import Server


class BattlePages:
    """The handlers. Each reads the request, asks the match, and answers."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/battle-royale/{game}", self.battle, "page"),
            Route("POST", "/api/battles", self.join, "start"),
            Route("GET", "/api/battles/{game}", self.state, "poll"),
            Route("GET", "/api/battles/{game}/rounds/{round}", self.round, "round"),
            Route("POST", "/api/battles/{game}/guess", self.guess, "guess"),
        ]

    async def battle(self, request: web.Request) -> web.StreamResponse:
        self._match(request)
        return page("battle.html")

    async def join(self, request: web.Request) -> web.StreamResponse:
        if (refusal := rate_limited(self.server, request)) is not None:
            return refusal
        again = self.server.luck.strikes("same_game")
        match = self.server.matches.join(request[PLAYER], self.server.clock(), again=again)
        return dealt(self.server, match.id)

    async def state(self, request: web.Request) -> web.StreamResponse:
        match = self._match(request)
        return web.json_response(view(match, request[PLAYER], self.server.clock()))

    async def round(self, request: web.Request) -> web.StreamResponse:
        if (refusal := login_expired(self.server, request)) is not None:
            return refusal
        match, text = self._match(request), request.match_info["round"]
        number = int(text) if text.isdecimal() else 0
        if not 1 <= number <= match.moment(self.server.clock()).round:
            raise WrongRound(number)
        shown = await picture(self.server, match.id, number, match.rounds[number - 1])
        return web.json_response(shown)

    async def guess(self, request: web.Request) -> web.StreamResponse:
        if (refusal := login_expired(self.server, request)) is not None:
            return refusal
        match = self._match(request)
        try:
            body = await request.json()
            number, country = int(body["round"]), str(body["country"])
            right = self.server.matches.guess(
                match, request[PLAYER], number, country, self.server.clock()
            )
        except (ValueError, TypeError, KeyError, OverflowError):
            return error(400, "a guess needs round and country")
        self.server.save()
        if self.server.luck.strikes("lost_answer"):
            return error(500, "the answer got lost")
        return web.json_response({"right": right})

    def _match(self, request: web.Request) -> Match:
        match = self.server.matches.match(request.match_info["game"])
        if match.id in self.server.lost:
            raise NoSuchGame(match.id)
        return match
