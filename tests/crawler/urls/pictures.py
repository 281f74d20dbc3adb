"""Small pictures, lists of them, and what became of each row: shared by the tests of lists."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from crawler.frontier import FILE_NAME, SqliteFrontier
from crawler.ledger import Ledger, ledger_paths
from crawler.queue import Queue
from crawler.spool import open_spool, writers
from crawler.urls.lists import Origin, enlist, list_id
from crawler.urls.worker import UrlJob
from crawler.web.client import ClientRules
from crawler.web.retry import RetryRules
from crawler.web.transport import Timeouts
from shards.segment import read_segment

JPEG = b"\xff\xd8\xff\xe0 a small picture"
RULES = ClientRules(
    allow_private=True,
    connections_per_host=16,
    timeouts=Timeouts(total=60),
    retry=RetryRules(attempts=2, first_seconds=0.01),
)


def write_list(path: Path, urls: Iterable[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("url", "lat", "lon"))
        writer.writerows((url, 50, 10) for url in urls)


def job_for(
    directory: Path, table: Path, *, task_rows: int = 100, rules: ClientRules = RULES
) -> UrlJob:
    """The list's tasks stand in the frontier when this returns."""
    directory.mkdir(parents=True, exist_ok=True)
    origin = Origin(id=list_id(str(table)), name=table.name, path=table)
    _, tasks = enlist(directory, origin, task_rows=task_rows)
    with SqliteFrontier(directory / FILE_NAME) as frontier:
        frontier.add(tasks)
    queue = Queue(directory)
    return UrlJob(
        directory=directory, queue=queue, user_agent="LostFound/0", has_contact=False, rules=rules
    )


def failures(directory: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            found += ledger.failures()
    return found


def captured(directory: Path) -> Sequence[str]:
    """The address of each capture, over all segments, which are sealed for this."""
    for writer in writers(directory):
        with open_spool(directory, writer) as spool:
            spool.seal()
    samples = [one for path in sorted(directory.glob("*.tar")) for one in read_segment(path)]
    assert all(not one.problem and one.capture for one in samples)
    return sorted(one.capture.source_id for one in samples if one.capture)
