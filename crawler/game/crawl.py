"""Crawls the browser game into a dataset: what may be crawled, and the games as tasks."""

import hashlib
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from crawler.crawl import CrawlPlan, CrawlSummary, run_crawl
from crawler.frontier import NewTask, SqliteFrontier
from crawler.game.job import GameJob
from crawler.game.modes import Mode, find_mode
from crawler.game.pages import game_id
from crawler.game.port import Account, Limits
from crawler.game.records import reconcile
from crawler.monitor import MonitorOptions
from crawler.queue import Queue
from crawler.reasons import TRANSIENT, FailReason
from crawler.spool import SEGMENT_BYTES
from crawler.web.identity import is_loopback, user_agent
from shards.atomic import write_json
from shards.denyfile import load_denylist
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout

DEFAULT_PAGES = 4
"""Of all workers together, what two cores play fastest: `lostfound bench crawl --sweep`."""
REACH_SECONDS = 10.0
STRANGER_ROUND_PAUSE = 10.0
PLAYGROUND_ACCOUNT = Account("player@playground.invalid", "playground")


def crawl_game(
    dataset: DatasetLayout,
    *,
    url: str,
    workers: int,
    games: int = 1,
    mode: str = "singleplayer",
    named: Sequence[str] = (),
    pictures: Path | None = None,
    pages: int = DEFAULT_PAGES,
    account: Account = PLAYGROUND_ACCOUNT,
    contact: str = "",
    operator_has_permission: bool = False,
    limits: Limits | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    retry: Iterable[FailReason] = TRANSIENT,
    monitor: MonitorOptions | None = None,
) -> CrawlSummary:
    """Plays until the dataset has `games` games, with `workers` actors of `pages` pages each.

    The modes `results` and `shadow` take the ids or addresses of the games that are `named`
    instead; without any, `results` takes all that the site lists. Every picture also becomes a
    file in the folder `pictures`, if one is given. Run again, it goes on where it was stopped or
    killed. Raises UsageError for what may not be crawled, WorkError when the site cannot be
    reached, WallError when it shuts the door.
    """
    if min(games, workers, pages) < 1:
        raise UsageError("games, workers and pages: give 1 or more")
    chosen = find_mode(mode)
    tasks = _tasks(chosen, games, named)
    ours = is_loopback(url)
    if not ours:
        _check_permission(url, contact, operator_has_permission)
    agent, denylist = user_agent(contact, loopback=ours), load_denylist(dataset)
    site = chosen.site(url, 0 if ours else STRANGER_ROUND_PAUSE)
    _check_reachable(site.lobby_url())
    directory = dataset.raw_source(site.source)
    directory.mkdir(parents=True, exist_ok=True)
    origin = {"url": url, "contact": contact, "operator_has_permission": operator_has_permission}
    write_json(directory / "source.json", {**origin, "mode": site.mode, "license": site.license})
    job = GameJob(
        directory=directory,
        writer="game",
        site=site,
        account=account,
        user_agent=agent,
        pages=pages,
        session=directory / f"session-{_digest(url, account.email)}.json",
        limits=limits or Limits(),
        segment_bytes=segment_bytes,
        pictures=pictures,
        queue=Queue(directory),
        denylist=denylist,
    )

    def prepare(frontier: SqliteFrontier) -> None:
        reconcile(directory, frontier, 0 if chosen.matches else site.rounds)
        if chosen.listed:  # what is named is looked at again, also if it was before
            frontier.reopen(task.id for task in tasks)

    plan = CrawlPlan(
        job=job,
        tasks=tasks,
        address=url,
        expected=None if chosen.listed or chosen.matches else games * site.rounds,
        reconcile=prepare,
        drops=f"{chosen.prefix}-",
    )
    return run_crawl(plan, workers=workers, retry=retry, monitor=monitor)


def read_names(path: Path) -> list[str]:
    """Games of a text file: one id or address a line. Raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a list of games ({error})") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UsageError(f"{path}: no game in it; write one id or address a line")
    return names


def _tasks(mode: Mode, games: int, named: Sequence[str]) -> list[NewTask]:
    ids = [game_id(name) for name in named]
    if not mode.listed:
        if ids:
            raise UsageError(f"--mode {mode.name}: takes no --game; give --games N")
        return mode.tasks(games)
    if not all(ids):
        raise UsageError(f"--game {named[ids.index('')]!r}: no id in it")
    if ids:
        return mode.tasks_of(ids)
    if mode.matches:
        raise UsageError(f"--mode {mode.name}: say which game with --game ID")
    return [mode.listing()]


def _check_permission(url: str, contact: str, operator_has_permission: bool) -> None:
    if not operator_has_permission:
        raise UsageError(
            f"{url}: only the playground on this machine may be crawled freely; where the site's"
            " terms allow it, say so with --operator-has-permission"
        )
    if not contact:
        raise UsageError("--contact: give an address at which the site can reach you")


def _check_reachable(url: str) -> None:
    try:
        with closing(urllib.request.urlopen(url, timeout=REACH_SECONDS)):  # noqa: S310 - http(s)
            return
    except HTTPError as error:
        if error.code < 500:
            return
        problem = f"answers {error.code}"
    except (OSError, HTTPException) as error:
        problem = f"cannot be reached ({getattr(error, 'reason', error)})"
    raise WorkError(f"{url}: {problem}; start the server or check the address")


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
