"""The game over HTTP: forms, pictures and results, for browsers on this machine.

Nothing that a browser is given tells the answer of an open round: a picture is addressed by the
number of its round and holds nothing but pixels. What changes something is a POST from a page of
this server's own.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse

from training.baseline.game import FullError, Game, Person, RoundClosedError
from training.baseline.machine import Machine
from training.baseline.names import read_guesses
from training.baseline.pages import Pages
from training.baseline.scores import results

COOKIE = "lostfound-person"
COOKIE_SECONDS = 365 * 24 * 3600
MAX_BODY_BYTES = 8192
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_NUMBER = re.compile(r"[0-9]{1,6}")
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Next = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request that gets a line of text and a status, and changes nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def make_app(game: Game, machine: Machine | None) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(game, machine)
    _guard(app)
    _add_people(app, game)
    _add_rounds(app, game, pages)
    _add_results(app, game, machine, pages)
    return app


def all_results(game: Game, machine: Machine | None) -> dict[str, Any]:
    """`scores.results` of everybody, by who joined first."""
    people = [(person.name, list(person.answers)) for person in game.people.values()]
    rank = (lambda key: machine.rank(game.row_of_key(key))) if machine else None
    return results(people, rank)


def _guard(app: FastAPI) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Next) -> Response:
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            # A name that resolves to loopback: DNS rebinding.
            response: Response = PlainTextResponse("not a name of this server", 421)
        elif request.method == "POST" and request.headers.get("origin") != f"http://{host}":
            response = PlainTextResponse("forms are taken from this server's own pages only", 403)
        else:
            response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return PlainTextResponse(str(error), error.status)


def _add_people(app: FastAPI, game: Game) -> None:
    @app.post("/join")
    async def join(request: Request) -> Response:
        form = await _form(request)
        try:
            token = await run_in_threadpool(game.join, form.get("name", [""])[0])
        except FullError:
            raise RefusedError(503, "too many people have joined; use another --out") from None
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    @app.post("/leave")
    async def leave() -> Response:
        """The next one at this browser is somebody else."""
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


def _add_rounds(app: FastAPI, game: Game, pages: Pages) -> None:
    @app.get("/")
    def home(request: Request) -> Response:
        """The open round, or a question for the name."""
        person = game.person(request.cookies.get(COOKIE))
        if person is None:
            return HTMLResponse(pages.start())
        if person.open_round is None:
            return HTMLResponse(pages.done(person))
        return HTMLResponse(pages.round(person, person.open_round))

    @app.get("/picture/{number}")
    def picture(request: Request, number: int) -> Response:
        row = game.row_of(_person(game, request), number)
        if row is None:
            raise RefusedError(404, "no picture of that round yet")
        return Response(game.deck.picture(row), media_type="image/png")

    @app.post("/answer")
    async def answer(request: Request) -> Response:
        person, form = _person(game, request), await _form(request)
        return await run_in_threadpool(_answered, game, pages, person, form)

    @app.get("/round/{number}")
    def truth(request: Request, number: int) -> Response:
        """An answered round with its truth."""
        person = _person(game, request)
        if not 1 <= number <= len(person.answers):
            return RedirectResponse("/", 303)
        return HTMLResponse(pages.truth(person, number))


def _person(game: Game, request: Request) -> Person:
    person = game.person(request.cookies.get(COOKIE))
    if person is None:
        raise RefusedError(403, "nobody plays here yet; begin at /")
    return person


def _answered(game: Game, pages: Pages, person: Person, form: dict[str, list[str]]) -> Response:
    """Commits the guesses, or says what is wrong with them; then nothing counts."""
    text = form.get("round", [""])[0]
    if not _NUMBER.fullmatch(text):
        raise RefusedError(400, "which round?")
    number = int(text)
    if number != person.open_round:
        return RedirectResponse(_place(person, number), 303)
    guesses = form.get("guess", [])
    codes, problems = read_guesses(guesses, game.deck.labels, game.deck.guesses)
    if problems:
        return HTMLResponse(pages.round(person, number, guesses, problems), 422)
    # Sent twice at once, the first one counts, and its page is shown.
    with suppress(RoundClosedError):
        game.commit(person, number, codes)
    return RedirectResponse(_place(person, number), 303)


def _place(person: Person, number: int) -> str:
    return f"/round/{number}" if 1 <= number <= len(person.answers) else "/"


def _add_results(app: FastAPI, game: Game, machine: Machine | None, pages: Pages) -> None:
    @app.get("/results")
    def page(request: Request) -> Response:
        person = game.person(request.cookies.get(COOKIE))
        return HTMLResponse(pages.results(all_results(game, machine), person))

    @app.get("/results.json")
    def figures() -> Response:
        return JSONResponse(all_results(game, machine))


async def _form(request: Request) -> dict[str, list[str]]:
    """The fields of a small form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError(415, "send a form")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError(413, f"more than {MAX_BODY_BYTES} bytes")
    try:
        text = body.decode("ascii")
        return parse_qs(text, keep_blank_values=True, max_num_fields=32)
    except ValueError:
        raise RefusedError(400, "not a form") from None
