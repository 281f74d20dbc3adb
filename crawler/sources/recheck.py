"""Finding out which captured photographs a source has no more: their ids, asked for in batches."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from crawler.frontier import NewTask, payload_text
from crawler.sources.source import CellSource, Expansion, Get, Payload, Query


class CheckedSource(CellSource):
    """A source with map cells whose photographs can be asked for by id."""

    batch: ClassVar[int]
    """Ids in one task of a check."""

    @abstractmethod
    async def gone(self, ids: Sequence[str], get: Get) -> list[str]:
        """Those of at most `batch` ids that the source says are not there any more."""

    def checks(self, captured: Mapping[str, Iterable[str]]) -> Iterable[NewTask]:
        ids = sorted({one for group in captured.values() for one in group})
        for start in range(0, len(ids), self.batch):
            part = ids[start : start + self.batch]
            yield NewTask(f"check_{part[0]}", payload_text({"check": part}))

    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        if "check" in payload:
            return Expansion(deleted=await self.gone(payload["check"], get))
        return await CellSource.expand(self, payload, query, get)
