"""What the fleet runs: a job is what a worker is told, a worker does it. The ports of both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from crawler.queue import Queue
from crawler.stats import WorkerStats


class Worker(Protocol):
    async def run(self) -> None:
        """Works until no task of any worker is left. The segment stays open."""

    async def stop(self) -> None:
        """Ends `run` within seconds; what was begun stays resumable."""

    def stats(self) -> WorkerStats: ...


class Job(Protocol):
    """A frozen dataclass that travels to another process; secrets are left out of its repr."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def writer(self) -> str:
        """The name of the spool's writer: unique among the jobs of a source."""

    @property
    def directory(self) -> Path:
        """`raw/<source>` of the dataset, or of its local copy."""

    @property
    def queue(self) -> Queue:
        """Where its tasks and budgets are; the driver sets it for the cluster that there is."""

    @property
    def resources(self) -> Mapping[str, float]:
        """What the worker needs of a node, in Ray's words: `{"CPU": 1}`."""

    def worker(self) -> Worker: ...

    def named(self, writer: str) -> "Job":
        """The same job for another writer."""
