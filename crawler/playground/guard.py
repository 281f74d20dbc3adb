"""Before and after every handler: sessions, walls, errors on purpose, the log.

Also how the consent banner of a visitor behaves: the server decides, a cookie tells the page.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from math import ceil
from pathlib import Path

from aiohttp import web

from crawler.playground.game import NoSuchGame, WrongRound
from crawler.playground.log import Entry
from crawler.playground.server import Server
from crawler.playground.world import uniform

STATIC = Path(__file__).with_name("static")
SESSION = "session"
PLAYER: web.RequestKey[str] = web.RequestKey("player", str)
CONSENT_PLAN = "consent_plan"
CONSENT_DELAY_MS = (150, 900)
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
OPEN_TO_ALL = frozenset({"static", "truth", "robots", "health", "login"})
NEVER_FAILS = frozenset({"static", "truth", "robots", "health"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One address and what kind of request it is, for the log and the guard.

    Kinds: page, login, start, round, guess, poll, results, api, static, truth, robots, health.
    """

    method: str
    path: str
    handler: Handler
    kind: str


def page(name: str) -> web.Response:
    """One of the pages under `static`."""
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/html")


def message(title: str, text: str, status: int, marker: str = "message") -> web.Response:
    """A page that says one thing."""
    body = (STATIC / "message.html").read_text(encoding="utf-8")
    for name, value in (("title", title), ("text", text), ("marker", marker)):
        body = body.replace(f"{{{name}}}", escape(value))
    return web.Response(text=body, content_type="text/html", status=status)


def error(status: int, text: str, retry_after: float = 0) -> web.Response:
    """An answer of the API that says what is wrong."""
    headers = {"Retry-After": str(ceil(retry_after))} if retry_after else None
    return web.json_response({"error": text}, status=status, headers=headers)


class Guard:
    """The middleware of one server."""

    def __init__(self, server: Server, routes: list[Route]) -> None:
        self.server = server
        self.kinds = {(route.method, route.path): route.kind for route in routes}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers, or lets the handler answer; logs either."""
        began, kind = self.server.clock(), self._kind(request)
        player = self.server.sessions.get(request.cookies.get(SESSION, ""), "")
        request[PLAYER] = player
        status = 500
        try:
            response = await self._answer(request, handler, kind)
            status = response.status
        except web.HTTPException as exception:
            status = exception.status
            raise
        finally:
            forbidden = self.server.robots.forbids(request.path)
            entry = Entry(began, kind, request.path, player, status, forbidden)
            self.server.log.add(entry)
        self._finish(request, response)
        return response

    def _kind(self, request: web.Request) -> str:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else ""
        return self.kinds.get((request.method, path), "static")

    async def _answer(
        self, request: web.Request, handler: Handler, kind: str
    ) -> web.StreamResponse:
        refused = self._refusal(request, kind)
        if refused is not None:
            return refused
        try:
            return await handler(request)
        except NoSuchGame:
            if kind == "page":
                return message("Nothing here", "Game not found.", 404)
            return error(404, "game not found")
        except WrongRound:
            return error(409, "this round does not run")

    def _refusal(self, request: web.Request, kind: str) -> web.StreamResponse | None:
        """Who is signed out, meets a wall or has bad luck gets this instead."""
        wall = self._wall(request, kind)
        if wall is not None:
            return wall
        if kind not in NEVER_FAILS and self.server.luck.strikes("server_error"):
            busy = self.server.luck.happened["server_error"] % 2 == 0
            status, text = (503, "Too busy.") if busy else (500, "Something broke.")
            answer = message("Sorry", text, status) if kind == "page" else error(status, text)
            if busy:
                answer.headers["Retry-After"] = "1"
            return answer
        if not request[PLAYER] and kind not in OPEN_TO_ALL:
            if request.path.startswith("/api/"):
                return error(401, "log in first")
            raise web.HTTPSeeOther(f"/login?next={request.path}")
        return None

    def _wall(self, request: web.Request, kind: str) -> web.StreamResponse | None:
        """A CAPTCHA stands for one session, a ban for one player; neither goes away."""
        if kind in OPEN_TO_ALL:
            return None
        session, player = request.cookies.get(SESSION, ""), request[PLAYER]
        if kind == "page" and player:
            if self.server.luck.strikes("captcha"):
                self.server.walled.add(session)
            if self.server.luck.strikes("ban"):
                self.server.walled.add(player)
        if session in self.server.walled:
            text = "Please verify that you are human to go on."
            return message("One moment", text, 403, "captcha") if kind == "page" else _forbidden()
        if player in self.server.walled:
            text = "We noticed unusual activity. Your account has been suspended."
            return message("Account suspended", text, 403) if kind == "page" else _forbidden()
        return None

    def _finish(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-cache")
        if CONSENT_PLAN not in request.cookies and response.content_type == "text/html":
            response.set_cookie(CONSENT_PLAN, self._consent_plan(), samesite="Lax")

    def _consent_plan(self) -> str:
        """`<when>-<milliseconds>-<kind>` for the n-th visitor; the banner usually comes late."""
        self.server.visitors += 1
        low, high = CONSENT_DELAY_MS
        share = uniform(self.server.world.config.seed, "consent", self.server.visitors)
        delay, luck = round(low + share * (high - low)), self.server.luck
        early, absent = luck.strikes("banner_early"), luck.strikes("banner_absent")
        in_round, other = luck.strikes("banner_in_round"), luck.strikes("banner_other")
        when = "never" if absent else "round" if in_round else "page"
        return f"{when}-{0 if early else delay}-{'snigel' if other else 'onetrust'}"


def _forbidden() -> web.Response:
    return error(403, "not allowed")
