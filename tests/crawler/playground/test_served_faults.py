"""Each fault over HTTP: what the client gets, how it ends, and what the server's log says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientSession

from crawler.playground.faults import Faults
from crawler.playground.log import Robots
from crawler.playground.multiplayer import Pace
from crawler.playground.server import Options, Server, serve
from crawler.playground.world import WorldConfig
from tests.crawler.playground.test_server import ask, signed_in

CONFIG = WorldConfig(seed=7, countries=3, bad_share=0)
Play = Callable[[Server, ClientSession], Awaitable[None]]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def played(play: Play, options: Options) -> None:
    """Runs `play` with a server and a player who is signed in."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(serve(CONFIG, **options))
            client = await stack.enter_async_context(signed_in(server))
            await play(server, client)

    asyncio.run(asyncio.wait_for(run(), 60))


async def start(client: ClientSession, kind: str = "games") -> tuple[int, dict[str, Any], str]:
    """Status, body and Retry-After of a request for a game."""
    async with client.post(f"/api/{kind}", json={}) as answer:
        return answer.status, await answer.json(), answer.headers.get("Retry-After", "")


async def page(client: ClientSession, path: str) -> tuple[int, str]:
    async with client.get(path) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("kind", ["games", "battles"])
def test_a_rate_limit_holds_until_retry_after_is_over(kind: str) -> None:
    clock = Clock()

    async def play(server: Server, client: ClientSession) -> None:
        assert (await start(client, kind))[0] == 201
        status, body, wait = await start(client, kind)
        assert (status, body["error"], wait) == (429, "Rate limit reached", "3")
        clock.now += 1
        assert (await start(client, kind))[::2] == (429, "2")
        assert [*server.log.early.values()] == [1]
        clock.now += 1.5
        assert (await start(client, kind))[0] == 201
        assert server.log.statuses[429] == 2

    played(play, {"faults": Faults(rate_limit=(2,), retry_after=2.5), "clock": clock})


def test_games_per_minute_are_counted_in_a_sliding_window() -> None:
    clock = Clock()

    async def play(server: Server, client: ClientSession) -> None:
        for expected in (201, 201, 429):
            assert (await start(client))[0] == expected
            clock.now += 10
        assert (await start(client))[::2] == (429, "30")
        clock.now += 30
        assert (await start(client))[0] == 201
        clock.now += 5
        assert (await start(client))[::2] == (429, "5")

    played(play, {"faults": Faults(games_per_minute=2), "clock": clock})


def test_the_same_game_is_dealt_twice() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        games = [(await start(client))[1]["id"] for _ in range(3)]
        assert games[0] == games[1] != games[2]
        matches = [(await start(client, "battles"))[1]["id"] for _ in range(3)]
        assert matches[0] == matches[1] != matches[2]
        assert server.log.dealt[games[0]] == server.log.dealt[matches[0]] == 2

    played(play, {"faults": Faults(same_game=(2, 5))})


def test_a_lost_game_is_not_found_anywhere() -> None:
    async def play(_: Server, client: ClientSession) -> None:
        game, match = (await start(client))[1]["id"], (await start(client, "battles"))[1]["id"]
        for path in (f"/game/{game}", f"/battle-royale/{match}"):
            status, text = await page(client, path)
            assert status == 404
            assert "not found" in text
        for path in (f"/api/games/{game}", f"/api/results/{game}", f"/api/battles/{match}"):
            assert (await ask(client, path))[0] == 404

    played(play, {"faults": Faults(lost_game=1)})


def test_a_login_expires_in_the_middle_of_a_game_and_the_game_stays() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        game = (await start(client))[1]["id"]
        assert (await ask(client, f"/api/games/{game}"))[0] == 200
        guess = {"round": 1, "lat": 0, "lon": 0}
        assert (await ask(client, f"/api/games/{game}/guess", guess))[0] == 401
        assert (await ask(client, "/api/games"))[0] == 401
        async with signed_in(server) as again:
            assert (await ask(again, f"/api/games/{game}/guess", guess))[0] == 200

    played(play, {"faults": Faults(expired_login=(2,))})


def test_a_guess_counts_though_its_answer_gets_lost() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        game = (await start(client))[1]["id"]
        guess = {"round": 1, "lat": 0, "lon": 0}
        assert (await ask(client, f"/api/games/{game}/guess", guess))[0] == 500
        assert (await ask(client, f"/api/games/{game}"))[1]["round"] == 2
        for number in range(2, 6):
            body = {**guess, "round": number}
            assert (await ask(client, f"/api/games/{game}/guess", body))[0] == 200
        results = (await ask(client, f"/api/results/{game}"))[1]
        assert results["rounds"][0]["lat"] == server.truth_of(game)[0]["lat"]

    played(play, {"faults": Faults(lost_answer=(1,))})


def test_pictures_that_are_slow_never_come_stay_blank_or_crash() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        game = (await start(client))[1]["id"]
        began = time.monotonic()
        normal = (await ask(client, f"/api/games/{game}"))[1]
        assert time.monotonic() - began >= 0.2
        assert normal["scene"]
        assert (await ask(client, f"/api/games/{game}"))[1]["scene"] is None
        blank = (await ask(client, f"/api/games/{game}"))[1]
        assert (blank["blank"], blank["scene"]) == (True, normal["scene"])
        assert (await ask(client, f"/api/games/{game}"))[1]["crash"] is True
        assert server.log.rounds[game, 1] == 3
        assert +server.luck.happened == {
            "slow_picture": 1,
            "no_picture": 1,
            "blank_picture": 1,
            "crash": 1,
        }

    # The third request is the second whose picture comes, and so on.
    faults = Faults(
        slow_picture=(1,), slow_seconds=0.2, no_picture=(2,), blank_picture=(2,), crash=(3,)
    )
    played(play, {"faults": faults})


def test_server_errors_come_now_and_then_but_not_for_tests_and_files() -> None:
    async def play(_: Server, client: ClientSession) -> None:
        seen = [(await page(client, "/"))[0] for _ in range(40)]
        assert set(seen) == {200, 500, 503}
        assert 8 <= sum(status != 200 for status in seen) <= 32
        for path in ("/static/game.js", "/healthz", "/robots.txt"):
            assert (await page(client, path))[0] == 200

    async def run() -> None:
        async with serve(CONFIG, faults=Faults(server_error=0.5)) as server:
            server.sessions["token"] = "player"
            cookies = {"session": "token"}
            async with ClientSession(server.url, cookies=cookies) as client:
                await play(server, client)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_captcha_stands_for_the_session_and_a_ban_for_the_player() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        assert (await page(client, "/"))[0] == 200
        status, text = await page(client, "/")
        assert status == 403
        assert "verify that you are human" in text
        assert 'id="captcha"' in text
        assert (await ask(client, "/api/games"))[0] == 403
        async with signed_in(server) as other:
            assert (await page(other, "/"))[0] == 200
            status, text = await page(other, "/")
            assert (status, "account has been suspended" in text) == (403, True)
            async with signed_in(server) as third:
                assert (await page(third, "/"))[0] == 403

    played(play, {"faults": Faults(captcha=(2,), ban=(4,))})


@pytest.mark.parametrize(
    ("faults", "plan"),
    [
        (Faults(), ("page", "onetrust")),
        (Faults(banner_early=1), ("page-0", "onetrust")),
        (Faults(banner_absent=1), ("never", "onetrust")),
        (Faults(banner_in_round=1, banner_other=1), ("round", "snigel")),
    ],
)
def test_every_visitor_is_told_when_the_banner_comes(faults: Faults, plan: tuple[str, str]) -> None:
    async def visit() -> None:
        async with (
            serve(CONFIG, faults=faults) as server,
            ClientSession(server.url) as client,
            client.get("/login") as answer,
        ):
            value = answer.cookies["consent_plan"].value
            assert value.startswith(f"{plan[0]}-")
            assert value.endswith(f"-{plan[1]}")

    asyncio.run(asyncio.wait_for(visit(), 30))


def test_the_log_knows_what_robots_txt_forbids_and_when_requests_came() -> None:
    clock = Clock()

    async def play(server: Server, client: ClientSession) -> None:
        text = (await page(client, "/robots.txt"))[1]
        assert text.splitlines() == [
            "User-agent: *",
            "Disallow: /results/",
            "Disallow: /user/",
            "Crawl-delay: 2.5",
            "Allow: /",
        ]
        before = server.log.kinds["page"]
        clock.now += 7
        await page(client, "/results/1")
        await page(client, "/%72esults/2")
        await page(client, "/games")
        assert [entry.path for entry in server.log.disallowed()] == ["/results/1", "/results/2"]
        assert server.log.kinds["page"] == before + 3
        assert server.log.times(["page"])[-3:] == [clock.now] * 3
        assert server.log.too_many(["page"], 2, 5) == 1
        assert server.log.too_many(["page"], 3, 5) == 0
        assert len({entry.player for entry in server.log.entries} - {""}) == 1

    robots = Robots(("/results/", "/user/"), 2.5)
    played(play, {"robots": robots, "clock": clock})


def test_a_match_over_http_and_over_a_restart(tmp_path: Any) -> None:
    clock = Clock()
    options: Options = {
        "state": tmp_path / "state.json",
        "truth": True,
        "clock": clock,
        "pace": Pace(10, 10, 10),
    }

    async def play(server: Server, client: ClientSession) -> None:
        match = (await start(client, "battles"))[1]["id"]
        path = f"/api/battles/{match}"
        truth = (await ask(client, f"/api/truth/{match}"))[1]
        assert (await ask(client, path))[1]["phase"] == "starting"
        assert (await ask(client, f"{path}/rounds/1"))[0] == 409
        clock.now += 12
        shown = (await ask(client, f"{path}/rounds/1"))[1]
        assert truth[0]["country"] not in str(shown)
        assert (await ask(client, f"{path}/guess", {"round": 1}))[0] == 400
        assert (await ask(client, f"{path}/guess", {"round": 1, "country": "QQ"}))[0] == 400
        body = {"round": 1, "country": truth[0]["country"]}
        assert (await ask(client, f"{path}/guess", body)) == (200, {"right": True})
        assert (await ask(client, f"{path}/rounds/2"))[0] == 409
        assert (await ask(client, f"{path}/rounds/x"))[0] == 409
        assert (await ask(client, f"/api/results/{match}"))[0] == 404
        async with serve(CONFIG, **options) as again, signed_in(again) as back:
            shown = (await ask(back, path))[1]
            assert (shown["phase"], shown["you"]["right"]) == ("round", True)

    played(play, options)


def test_past_games_need_no_browser() -> None:
    async def play(server: Server, client: ClientSession) -> None:
        ids = server.add_past_games(3, 2, "a@example.org")
        listed = (await ask(client, "/api/games"))[1]["games"]
        assert [(game["id"], game["played"]) for game in listed] == list(
            zip(ids, (5, 5, 5, 0, 1), strict=True)
        )
        results = (await ask(client, f"/api/results/{ids[0]}"))[1]["rounds"]
        places = [(place["lat"], place["lon"]) for place in server.truth_of(ids[0])]
        assert [(place["lat"], place["lon"]) for place in results] == places
        assert len({place["guess"]["lat"] for place in results}) == 5
        assert (await ask(client, f"/api/results/{ids[4]}"))[1]["finished"] is False

    played(play, {})
