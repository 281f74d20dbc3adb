"""Crawls the browser game into a dataset: what may be crawled, and the games as tasks."""

import hashlib
import urllib.request
from collections.abc import Iterable
from contextlib import closing
from http.client import HTTPException
from urllib.error import HTTPError

from crawler.crawl import CrawlPlan, CrawlSummary, run_crawl
from crawler.frontier import NewTask
from crawler.game.port import Account, Limits
from crawler.game.records import reconcile
from crawler.game.site import Site
from crawler.game.spider import GameJob
from crawler.identity import is_loopback, user_agent
from crawler.monitor import MonitorOptions
from crawler.queue import Queue
from crawler.reasons import TRANSIENT, FailReason
from crawler.spool import SEGMENT_BYTES
from shards.atomic import write_json
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout

DEFAULT_PAGES = 3
REACH_SECONDS = 10.0
STRANGER_ROUND_PAUSE = 10.0
PLAYGROUND_ACCOUNT = Account("player@playground.invalid", "playground")


def crawl_game(
    dataset: DatasetLayout,
    *,
    url: str,
    games: int,
    workers: int,
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

    Run again, it goes on where it was stopped or killed. Raises UsageError for what may not be
    crawled, WorkError when the site cannot be reached, WallError when it shuts the door.
    """
    if min(games, workers, pages) < 1:
        raise UsageError("games, workers and pages: give 1 or more")
    ours = is_loopback(url)
    if not ours:
        _check_permission(url, contact, operator_has_permission)
    site = Site(base_url=url, round_pause=0 if ours else STRANGER_ROUND_PAUSE)
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
        user_agent=user_agent(contact),
        pages=pages,
        session=directory / f"session-{_digest(url, account.email)}.json",
        limits=limits or Limits(),
        segment_bytes=segment_bytes,
        queue=Queue(directory),
    )
    plan = CrawlPlan(
        job=job,
        tasks=[NewTask(f"game-{number:06d}") for number in range(games)],
        address=url,
        expected=games * site.rounds,
        reconcile=lambda frontier: reconcile(directory, frontier, site.rounds),
        only_these=True,
    )
    return run_crawl(plan, workers=workers, retry=retry, monitor=monitor)


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
