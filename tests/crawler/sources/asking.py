"""An adapter against a loopback service, through the polite client, without leases and spools."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawler.budgets import Limit, SqliteBudgets
from crawler.reasons import ENDS_RUN, FailReason
from crawler.sources.ask import Asker
from crawler.sources.photo import BadRecord, Photo
from crawler.sources.source import Get, Query, Source
from crawler.web.client import ClientRules, PoliteClient
from crawler.web.errors import FetchError
from crawler.web.identity import user_agent

FAST = {name: (Limit(100_000, 1),) for name in ("api", "entities", "images")}
"""Budgets that hold nothing up."""
ATTEMPTS = 8


@dataclass
class Outcome:
    photos: dict[str, Photo] = field(default_factory=dict)
    bad: list[BadRecord] = field(default_factory=list)
    capped: list[str] = field(default_factory=list)
    failed: Counter[FailReason] = field(default_factory=Counter)
    """Tries of tasks that failed; every one was tried again."""
    tasks: int = 0


@asynccontextmanager
async def asking(source: Source, folder: Path, key: str = "") -> AsyncIterator[Get]:
    """What `Source.expand` asks with. Waits of the client take no time."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    with SqliteBudgets(folder / "budgets.sqlite") as budgets:
        async with PoliteClient(
            user_agent=user_agent("test@example.org"),
            budgets=budgets,
            rules=ClientRules(allow_private=True),
            sleep=at_once,
        ) as web:
            yield Asker(web, source, key)


async def enumerate_all(source: Source, query: Query, get: Get) -> Outcome:
    """Works through all tasks as workers do, each until it succeeds."""
    outcome = Outcome()
    tasks = list(source.seeds(query))
    known = {task.id for task in tasks}
    while tasks:
        task = tasks.pop()
        expansion = await _patiently(source, json.loads(task.payload), query, get, outcome)
        outcome.tasks += 1
        outcome.photos |= {photo.id: photo for photo in query.wanted(expansion.photos)}
        outcome.bad += expansion.bad
        outcome.capped += [expansion.capped] if expansion.capped else []
        tasks += [child for child in expansion.children if child.id not in known]
        known |= {child.id for child in expansion.children}
    return outcome


async def _patiently(source: Source, payload: Any, query: Query, get: Get, outcome: Outcome) -> Any:
    for _ in range(ATTEMPTS):
        try:
            return await source.expand(payload, query, get)
        except FetchError as error:
            if not error.reason.transient or error.reason in ENDS_RUN:
                raise
            outcome.failed[error.reason] += 1
    raise AssertionError(f"{payload}: failed {ATTEMPTS} times")
