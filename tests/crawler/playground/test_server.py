"""The server over HTTP: sessions, no answer before the guess, restarts, bad requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from crawler.playground.server import Server, serve, start_in_thread
from crawler.playground.world import WorldConfig
from shards.errors import UsageError

CONFIG = WorldConfig(seed=7, countries=3, bad_share=0)


@asynccontextmanager
async def signed_in(server: Server, email: str = "a@example.org") -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url, cookie_jar=CookieJar(unsafe=True)) as client:
        form = {"email": email, "password": "x"}
        async with client.post("/login", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
        yield client


async def ask(client: ClientSession, path: str, body: Any = None) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    async with client.request(method, path, json=body) as answer:
        return answer.status, await answer.json()


def test_nothing_tells_the_place_before_the_guess_and_the_guess_does() -> None:
    async def play() -> None:
        async with serve(CONFIG) as server, signed_in(server) as client:
            _, dealt = await ask(client, "/api/games", {})
            for number in range(1, 6):
                place = server.book.games[dealt["id"]].rounds[number - 1].place
                seen = ""
                for path in (
                    "/",
                    f"/game/{dealt['id']}",
                    f"/api/games/{dealt['id']}",
                    "/api/games",
                ):
                    async with client.get(path) as answer:
                        seen += await answer.text() + str(answer.headers)
                _, results = await ask(client, f"/api/results/{dealt['id']}")
                seen += str(results)
                for secret in (str(place.lat), str(place.lon), f'"{place.country}"', place.name):
                    assert secret not in seen
                guess = {"round": number, "lat": 1, "lon": 2}
                status, outcome = await ask(client, f"/api/games/{dealt['id']}/guess", guess)
                assert (status, outcome["lat"], outcome["lon"]) == (200, place.lat, place.lon)
                assert outcome["last"] == (number == 5)
            _, results = await ask(client, f"/api/results/{dealt['id']}")
            assert results["finished"]
            assert [outcome["round"] for outcome in results["rounds"]] == [1, 2, 3, 4, 5]
            async with client.get(f"/api/truth/{dealt['id']}") as answer:
                assert answer.status == 404

    asyncio.run(quiet(play()))


async def quiet(coroutine: Any) -> None:
    await asyncio.wait_for(coroutine, 30)


def test_bad_requests_are_refused_and_change_nothing() -> None:
    async def knock() -> None:
        async with serve(CONFIG) as server, signed_in(server) as client:
            _, dealt = await ask(client, "/api/games", {})
            path = f"/api/games/{dealt['id']}/guess"
            refused: tuple[Any, ...] = (
                {},
                [],
                {"round": 1, "lat": "x", "lon": 0},
                {"round": 1, "lat": 91, "lon": 0},
                {"round": 1, "lat": float("nan"), "lon": 0},
                {"round": float("inf"), "lat": 0, "lon": 0},
            )
            for body in refused:
                assert (await ask(client, path, body))[0] == 400
            assert (await ask(client, path, {"round": 3, "lat": 0, "lon": 0}))[0] == 409
            assert (await ask(client, "/api/games/none"))[0] == 404
            assert not server.book.games[dealt["id"]].guesses
            async with signed_in(server, "b@example.org") as other:
                assert (await ask(other, f"/api/games/{dealt['id']}"))[0] == 404

    asyncio.run(quiet(knock()))


def test_signed_out_visitors_see_the_login_page_and_come_back_to_where_they_were() -> None:
    async def visit() -> None:
        async with serve(CONFIG) as server, ClientSession(server.url) as client:
            async with client.get("/game/abc", allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/login?next=/game/abc"
            assert (await ask(client, "/api/games"))[0] == 401
            for wish, expected in (
                ("/results/1", "/results/1"),
                ("//evil.example", "/"),
                ("https://evil.example", "/"),
                ("/\\evil.example", "/"),
            ):
                form = {"email": "a@b", "password": "x"}
                async with client.post(
                    "/login", params={"next": wish}, data=form, allow_redirects=False
                ) as answer:
                    assert answer.headers["Location"] == expected
            for form in ({"email": "a@b", "password": ""}, {"email": "", "password": "x"}):
                async with client.post("/login", data=form, allow_redirects=False) as answer:
                    assert answer.headers["Location"] == "/login?failed"
            async with client.get("/robots.txt") as answer:
                assert "Allow: /" in await answer.text()
            assert (await ask(client, "/healthz"))[1]["ok"]

    asyncio.run(quiet(visit()))


def test_a_restart_with_a_state_file_goes_on_with_the_same_session(tmp_path: Path) -> None:
    async def play() -> None:
        state = tmp_path / "state.json"
        async with serve(CONFIG, state=state) as server, signed_in(server) as client:
            _, dealt = await ask(client, "/api/games", {})
            await ask(client, f"/api/games/{dealt['id']}/guess", {"round": 1, "lat": 0, "lon": 0})
            cookies = [(cookie.key, cookie.value) for cookie in client.cookie_jar]
        assert "example.org" not in state.read_text()
        async with serve(CONFIG, state=state) as server, ClientSession(server.url) as client:
            client.cookie_jar.update_cookies(dict(cookies))
            async with client.get(
                f"/api/games/{dealt['id']}", headers={"Cookie": "; ".join(map("=".join, cookies))}
            ) as answer:
                assert (await answer.json())["round"] == 2
        with pytest.raises(UsageError, match="another world"):
            async with serve(WorldConfig(seed=8, countries=3), state=state):
                pass
        state.write_text("{")
        with pytest.raises(UsageError, match="not a state file"):
            async with serve(CONFIG, state=state):
                pass

    asyncio.run(quiet(play()))


def test_a_taken_port_is_one_clear_error_from_a_thread_too() -> None:
    with (
        start_in_thread(CONFIG) as server,
        pytest.raises(UsageError, match="cannot listen"),
        start_in_thread(CONFIG, port=server.port),
    ):
        pass
