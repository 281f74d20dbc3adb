"""Crawls a source into a dataset: the core of `lostfound crawl`, for commands and the demo."""

import hashlib
import ipaddress
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from crawler.fleet import run_fleet
from crawler.frontier import FILE_NAME, FailReason, SqliteFrontier, TaskState
from crawler.game.play import Account, Limits
from crawler.game.records import count_captures, reconcile
from crawler.game.site import Site
from crawler.game.spider import GameJob
from crawler.spool import SEGMENT_BYTES, exclusive_lock, open_spool, writers
from shards.atomic import write_json
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.segment import OPEN_SUFFIX

DEFAULT_PAGES = 3
REACH_SECONDS = 10.0
STRANGER_ROUND_PAUSE = 10.0
PLAYGROUND_ACCOUNT = Account("player@playground.invalid", "playground")


class WallError(WorkError):
    """The site shut the door: a CAPTCHA, a ban, an anti-cheat notice."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSummary:
    games: int
    """Games of the dataset that are played to their end, by this run and earlier ones."""
    games_failed: int
    failed: dict[str, int]
    """Failed games by reason."""
    captures: int
    """All that the dataset has from this source."""
    new_captures: int
    segments: int
    workers: int
    workers_replaced: int
    seconds: float
    rounds_per_minute: float

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


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
        writer="",
        site=site,
        account=account,
        user_agent=user_agent(contact),
        pages=pages,
        session=directory / f"session-{_digest(url, account.email)}.json",
        limits=limits or Limits(),
        segment_bytes=segment_bytes,
    )
    return _crawl([replace(job, writer=f"game-{n}") for n in range(workers)], games)


def _crawl(jobs: Sequence[GameJob], games: int) -> CrawlSummary:
    """Prepares the frontier, runs the fleet, seals every writer's segment, and counts."""
    directory, site = jobs[0].directory, jobs[0].site
    start = time.monotonic()
    with (
        exclusive_lock(directory / "crawl.lock"),
        SqliteFrontier(directory / FILE_NAME) as frontier,
    ):
        _recover_writers(directory)
        frontier.begin_run(f"game-{number:06d}" for number in range(games))
        reconcile(directory, frontier, site.rounds)
        before = seen = count_captures(directory)
        replaced = 0
        with progress("crawl", games * site.rounds) as advance:
            advance(before)

            def show() -> None:
                nonlocal seen
                now = count_captures(directory)
                advance(now - seen)
                seen = now

            if frontier.unfinished():
                replaced = run_fleet(jobs, show)
        segments = _seal_writers(directory)
        counts, failed = frontier.counts(), frontier.failures()
        details = frontier.details()
    for reason in (FailReason.WALL, FailReason.SIGN_IN, FailReason.ROBOTS):
        if reason in failed:
            _refuse(reason, site.base_url, details[reason])
    seconds = time.monotonic() - start
    captures = count_captures(directory)
    return CrawlSummary(
        games=counts[TaskState.DONE],
        games_failed=counts[TaskState.FAILED],
        failed=failed,
        captures=captures,
        new_captures=captures - before,
        segments=segments,
        workers=len(jobs),
        workers_replaced=replaced,
        seconds=round(seconds, 1),
        rounds_per_minute=round(60 * (captures - before) / seconds, 1),
    )


def is_loopback(url: str) -> bool:
    """Raises UsageError for what is not a web address."""
    try:
        address = urlsplit(url)
        host = address.hostname or ""
    except ValueError:
        host = ""
    if not host or address.scheme not in ("http", "https"):
        raise UsageError(f"{url!r}: not a web address; give one like http://127.0.0.1:8000")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def user_agent(contact: str) -> str:
    """Who we are and how to reach the operator: `name/version (contact)`."""
    try:
        release = version("lostfound")
    except PackageNotFoundError:
        release = "0"
    return f"LostFound/{release} ({contact or 'loopback only'})"


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


def _refuse(reason: FailReason, url: str, detail: str) -> None:
    if reason is FailReason.WALL:
        raise WallError(f"{url}: {detail}; the crawl has ended, and does not go around it")
    if reason is FailReason.ROBOTS:
        raise WorkError(f"{url}: its robots.txt disallows this crawl; it was not done")
    raise WorkError(
        f"{url}: {detail}; give --email, and the password in LOSTFOUND_PASSWORD, then run it again"
    )


def _recover_writers(directory: Path) -> None:
    """Waits until no worker of an earlier run lives, and repairs what it left."""
    for writer in writers(directory):
        open_spool(directory, writer).close()


def _seal_writers(directory: Path) -> int:
    """Seals the segments of all writers, those of earlier runs too; returns how many there are."""
    for writer in writers(directory):
        with open_spool(directory, writer) as spool:
            spool.seal()
    return sum(not path.name.endswith(OPEN_SUFFIX) for path in directory.glob("*.tar"))


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
