"""The addresses of the playground, and the handlers that no game needs: lobby, login, map."""

import json
import secrets

from aiohttp import web

from crawler.playground.battle_pages import BattlePages
from crawler.playground.game_pages import GamePages
from crawler.playground.guard import PLAYER, SESSION, STATIC, Guard, Route, error, message, page
from crawler.playground.names import labels
from crawler.playground.server import Server, player_id
from crawler.playground.shapes import shape
from crawler.playground.world import uniform
from shards.world.outlines import outlines

MAX_BODY_BYTES = 16 << 10
CACHED = {"Cache-Control": "max-age=3600"}
NOTICES = ("Got it", "\N{MULTIPLICATION SIGN}", "", "")


def application(server: Server) -> web.Application:
    """The whole site of one server."""
    routes = [*SitePages(server).routes(), *GamePages(server).routes()]
    routes += BattlePages(server).routes()
    guard = Guard(server, routes)
    app = web.Application(middlewares=[guard.middleware], client_max_size=MAX_BODY_BYTES)
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    app.router.add_static("/static", STATIC)
    return app


class SitePages:
    """What every visitor meets."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.map_text = _map_text()
        self.notices = 0

    def routes(self) -> list[Route]:
        routes = [
            Route("GET", "/", self.lobby, "page"),
            Route("GET", "/login", self.login_form, "login"),
            Route("POST", "/login", self.login, "login"),
            Route("GET", "/user/{user}", self.user, "page"),
            Route("GET", "/shape/{code}.svg", self.shape, "static"),
            Route("GET", "/api/map", self.world_map, "api"),
            Route("GET", "/api/countries", self.countries, "api"),
            Route("GET", "/api/notice", self.notice, "api"),
            Route("GET", "/robots.txt", self.robots, "robots"),
            Route("GET", "/healthz", self.healthz, "health"),
        ]
        if self.server.truth:
            routes.append(Route("GET", "/api/truth/{game}", self.truth, "truth"))
        return routes

    async def lobby(self, _request: web.Request) -> web.StreamResponse:
        return page("lobby.html")

    async def login_form(self, request: web.Request) -> web.StreamResponse:
        if request[PLAYER]:
            raise web.HTTPSeeOther("/")
        return page("login.html")

    async def login(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        email, password = str(form.get("email", "")).strip(), str(form.get("password", ""))
        if "@" not in email or not password:
            raise web.HTTPSeeOther("/login?failed")
        token = secrets.token_urlsafe(18)
        self.server.sessions[token] = player_id(email)
        self.server.save()
        answer = web.HTTPSeeOther(_local_path(request.query.get("next", "/")))
        answer.set_cookie(SESSION, token, httponly=True, samesite="Lax")
        raise answer

    async def user(self, _request: web.Request) -> web.StreamResponse:
        return message("A player", "Players have no pages of their own here.", 200)

    async def shape(self, request: web.Request) -> web.StreamResponse:
        code = request.match_info["code"]
        if code not in labels():
            return error(404, "no such country")
        text = shape(code)
        return web.Response(text=text, content_type="image/svg+xml", headers=CACHED)

    async def world_map(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=self.map_text, content_type="application/json", headers=CACHED)

    async def countries(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(labels(), headers=CACHED)

    async def notice(self, _request: web.Request) -> web.StreamResponse:
        """The button of the dialog that may come before a match; empty when none comes."""
        self.notices += 1
        share = uniform(self.server.world.config.seed, "notice", self.notices)
        return web.json_response({"button": NOTICES[int(share * len(NOTICES))]})

    async def robots(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=self.server.robots.text())

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "games": len(self.server.book.games)})

    async def truth(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.server.truth_of(request.match_info["game"]))


def _local_path(path: str) -> str:
    """`path` when it stays on this server, else the lobby."""
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if local and path.isprintable() else "/"


def _map_text() -> str:
    """The country outlines that the maps are drawn from."""
    countries = [{"code": code, "rings": rings} for code, rings in outlines().items()]
    return json.dumps({"countries": countries})
