"""What both kinds of game share over HTTP: asking for a game, and asking for a picture.

Here the faults of `Faults` happen that concern either.
"""

import asyncio
from collections import deque
from typing import Any

from aiohttp import web

from crawler.playground.guard import PLAYER, SESSION, error
from crawler.playground.scene import scene
from crawler.playground.server import Server
from crawler.playground.world import Round

MINUTE = 60.0


def rate_limited(server: Server, request: web.Request) -> web.Response | None:
    """The refusal of a player who asks for games too fast."""
    now, player, faults = server.clock(), request[PLAYER], server.luck.faults
    until = server.wait_until.get(player, 0.0)
    if until > now:
        server.log.early[player, until] += 1
        return error(429, "Rate limit reached", until - now)
    left = 0.0
    started = server.starts.setdefault(player, deque(maxlen=max(1, faults.games_per_minute)))
    if faults.games_per_minute and len(started) == started.maxlen:
        left = started[0] + MINUTE - now
    if server.luck.strikes("rate_limit"):
        left = faults.retry_after
    if left <= 0:
        started.append(now)
        return None
    server.wait_until[player] = now + left
    return error(429, "Rate limit reached", left)


def dealt(server: Server, game_id: str) -> web.Response:
    """The answer that gives a player a game."""
    if server.luck.strikes("lost_game"):
        server.lost.add(game_id)
    server.log.dealt[game_id] += 1
    server.save()
    return web.json_response({"id": game_id}, status=201)


def login_expired(server: Server, request: web.Request) -> web.Response | None:
    """Forgets the session now and then."""
    if not server.luck.strikes("expired_login"):
        return None
    server.sessions.pop(request.cookies.get(SESSION, ""), None)
    server.save()
    return error(401, "log in first")


async def picture(server: Server, game_id: str, number: int, round_: Round) -> dict[str, Any]:
    """The scene of a round, and what shall go wrong with it in the page."""
    luck = server.luck
    if luck.strikes("slow_picture"):
        await asyncio.sleep(luck.faults.slow_seconds)
    if luck.strikes("no_picture"):
        return {"scene": None}
    server.log.rounds[game_id, number] += 1
    shown: dict[str, Any] = {"scene": scene(server.world.config, round_)}
    for name, fault in (("blank", "blank_picture"), ("crash", "crash")):
        if luck.strikes(fault):
            shown[name] = True
    return shown
