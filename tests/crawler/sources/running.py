"""A source's worker over files in a folder, without Ray: what one actor does, in this process."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawler.frontier import FILE_NAME, NewTask, SqliteFrontier, TaskState
from crawler.ledger import Ledger, ledger_paths
from crawler.queue import Queue
from crawler.sources.captured import captures_of
from crawler.sources.job import SourceJob
from crawler.sources.source import Query, Source
from crawler.web.client import ClientRules
from crawler.web.retry import RetryRules
from shards.capture import Capture

LOOPBACK = ClientRules(
    allow_private=True, retry=RetryRules(first_seconds=0.01, longest_seconds=0.02)
)


def job_for(folder: Path, source: Source, query: Query | None = None, **options: Any) -> SourceJob:
    return SourceJob(
        directory=folder,
        queue=Queue(folder),
        source=source,
        query=query or Query(),
        user_agent="LostFound/0 (test@example.org)",
        rules=options.pop("rules", LOOPBACK),
        **options,
    )


def seed(job: SourceJob, tasks: Sequence[NewTask] | None = None) -> None:
    with SqliteFrontier(job.directory / FILE_NAME) as frontier:
        frontier.add(job.source.seeds(job.query) if tasks is None else tasks)


async def work(*jobs: SourceJob) -> None:
    """All workers at once, until no task is left."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job.worker().run())


@dataclass
class Result:
    captures: list[Capture]
    failures: Counter[str] = field(default_factory=Counter)
    tasks: dict[TaskState, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        return sorted(one.source_id for one in self.captures)


def result(folder: Path) -> Result:
    found = Result(list(captures_of(folder)))
    for path in ledger_paths(folder):
        with closing(Ledger(path, read_only=True)) as ledger:
            found.failures += ledger.failures()
    with SqliteFrontier(folder / FILE_NAME) as frontier:
        found.tasks, found.failed = frontier.counts(), frontier.failures()
    return found
