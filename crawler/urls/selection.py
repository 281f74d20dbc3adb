"""Which rows of a list are wanted at all: by place and by time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crawler.ledger import Failure
from crawler.probe import parse_position
from crawler.reasons import FailReason
from crawler.sources.area import Area
from crawler.urls.rows import ListRow
from shards.capture import Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Rows outside of it fail as `unwanted`; `--retry unwanted` takes them after a change."""

    area: Area | None = None
    """None: also rows without a position."""
    since: datetime | None = None
    """Taken at this time or later; with a time zone. Undated rows are then not wanted."""
    until: datetime | None = None
    """Taken before this time."""

    def split(self, rows: Sequence[ListRow], task_id: str) -> tuple[list[ListRow], list[Failure]]:
        """The rows to go on with (bad ones too, which say why themselves), and the others."""
        if self == Selection():
            return [*rows], []
        inside = self._inside([row.capture for row in rows])
        wanted, failures = [], []
        for row, here in zip(rows, inside, strict=True):
            if row.capture is None or (here and self._in_time(row.capture.captured_at)):
                wanted.append(row)
            else:
                failures.append(Failure(row.key, task_id, FailReason.UNWANTED))
        return wanted, failures

    def _inside(self, captures: Sequence[Capture | None]) -> list[bool]:
        if self.area is None:
            return [True] * len(captures)
        places = [one and parse_position(one.lat, one.lon) for one in captures]
        known = iter(self.area.contains([place for place in places if place]))
        return [bool(place) and next(known) for place in places]

    def _in_time(self, captured_at: str) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            moment = datetime.fromisoformat(captured_at)
        except ValueError:
            return False
        # A time without a zone counts as UTC: to within a day it is.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if self.since is not None and moment < self.since:
            return False
        return self.until is None or moment < self.until
