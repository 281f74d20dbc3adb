"""Capped searches: a map cell whose answer is full is split until every answer is whole.

A search gives at most its cap, and no next page. An answer below the cap is whole. A full one may
hide more, so its cell is cut into four; at the smallest size, its time window into two. Cells
share their borders, and searches include them, so no photograph falls between two cells; one that
stands on a border comes twice, and is admitted once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from crawler.frontier import NewTask, payload_text
from crawler.sources.area import DEGREE, Area, Box
from shards.keys import order_hash

EARLIEST_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
LATEST_MS = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""Where an open window is cut as if it began or ended there; its outer parts stay open."""


class Cell(NamedTuple):
    """A box and a time window in milliseconds since 1970, ends included; None is open."""

    box: Box
    start: int | None = None
    end: int | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "Cell":
        return cls(Box(*payload["box"]), payload.get("start"), payload.get("end"))

    def task(self) -> NewTask:
        """The task that searches this cell; the same cell has the same id.

        Ids begin with a hash, so that siblings are leased in no order: a run that ends by its
        limit has taken something from everywhere.
        """
        payload: dict[str, Any] = {"box": [*self.box]}
        name = "_".join(map(str, self.box))
        if self.start is not None or self.end is not None:
            payload |= {"start": self.start, "end": self.end}
            name += "_from_{}_to_{}".format(*("open" if end is None else end for end in self[1:]))
        return NewTask(f"cell_{order_hash(0, name):015x}_{name}", payload_text(payload))

    def interval(self, *, open_end: str = "..") -> str:
        """The window as STAC and OGC APIs write it; empty when it is open on both sides."""
        if self.start is None and self.end is None:
            return ""
        return "/".join(open_end if end is None else iso_ms(end) for end in self[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitting:
    """How far the cells of a source go. Sizes are sides in units of 1e-7 degrees."""

    largest: int = 360 * DEGREE
    """What the source accepts: a larger cell is split without being searched."""
    smallest: int = 1_000
    """About 11 m: a cell this small is split in time instead."""
    smallest_ms: int = 1
    """The shortest window; 0 where the source cannot search by time."""

    def fits(self, cell: Cell) -> bool:
        """Whether the source accepts a search of this size."""
        west, south, east, north = cell.box
        return max(east - west, north - south) <= self.largest

    def parts(self, cell: Cell) -> list[Cell]:
        """What together covers `cell`; empty when it cannot be split any further."""
        boxes = self._quarters(cell.box)
        if len(boxes) > 1:
            return [cell._replace(box=box) for box in boxes]
        return self._halves(cell)

    def _quarters(self, box: Box) -> list[Box]:
        columns = self._cut(box.west, box.east)
        rows = self._cut(box.south, box.north)
        return [Box(w, s, e, n) for s, n in rows for w, e in columns]

    def _cut(self, low: int, high: int) -> list[tuple[int, int]]:
        if high - low <= self.smallest:
            return [(low, high)]
        middle = (low + high) // 2
        return [(low, middle), (middle, high)]

    def _halves(self, cell: Cell) -> list[Cell]:
        start = EARLIEST_MS if cell.start is None else cell.start
        end = max(LATEST_MS, start) if cell.end is None else cell.end
        if not self.smallest_ms or end - start <= self.smallest_ms:
            return []
        middle = (start + end) // 2
        return [cell._replace(end=middle), cell._replace(start=middle)]


def root_cells(area: Area, since: datetime | None, until: datetime | None) -> list[Cell]:
    """The cells that a search of an area begins with; `until` itself is not wanted."""
    start = None if since is None else int(since.timestamp() * 1000)
    end = None if until is None else int(until.timestamp() * 1000)
    return [Cell(box, start, end) for box in area.boxes]


def tasks_in(cells: list[Cell], area: Area) -> list[NewTask]:
    """The searches of those cells that hold any of the area."""
    return [cell.task() for cell in cells if area.touches(cell.box)]


def iso_ms(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
