"""What a worker of an open source is told: plain data that travels to its process."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.queue import Queue
from crawler.sources.source import Query, Source
from crawler.spool import SEGMENT_BYTES
from crawler.web.client import ClientRules
from shards.denylist import DenyList

if TYPE_CHECKING:
    from crawler.sources.worker import SourceWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceJob:
    directory: Path
    """`raw/<source>` of the dataset."""
    queue: Queue
    source: Source
    query: Query
    user_agent: str
    key: str = field(default="", repr=False)
    denylist: DenyList = field(default_factory=DenyList)
    has_contact: bool = True
    """Without one, nothing but this machine is asked: what a local catalogue links to neither."""
    writer: str = "photos"
    rules: ClientRules = field(default_factory=ClientRules)
    segment_bytes: int = SEGMENT_BYTES

    @property
    def resources(self) -> Mapping[str, float]:
        return {"CPU": 1}

    def worker(self) -> "SourceWorker":
        from crawler.sources.worker import SourceWorker

        return SourceWorker(self)

    def named(self, writer: str) -> "SourceJob":
        return replace(self, writer=writer)
