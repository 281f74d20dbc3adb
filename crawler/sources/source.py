"""The port that every open source is an adapter of, and the shared part of those with map cells.

An adapter says how to ask and how to read. Leasing, rate budgets, retries, pictures, the spool and
the limits of a run are shared (`worker.py`), so that one adapter is one small file.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from crawler.budgets import Limit
from crawler.frontier import NewTask
from crawler.sources.area import Area, Box, square_km, squares_in
from crawler.sources.photo import BadRecord, Photo
from crawler.sources.split import Cell, Splitting, root_cells, tasks_in
from crawler.terms import Terms as Terms
from crawler.web.client import Answer
from shards.capture import Capture

Payload = Mapping[str, Any]
"""What a task says is to be fetched: the JSON object of `NewTask.payload`."""
API, IMAGES = "api", "images"
"""The names of the budgets that every source has."""
ENOUGH_SQUARES = 64
"""Cells over more squares than that are never full everywhere; they are split without counting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which photographs of a source are wanted."""

    area: Area = field(default_factory=Area)
    since: datetime | None = None
    """Taken at this time or later; with a time zone."""
    until: datetime | None = None
    """Taken before this time."""
    limit: int = 0
    """At most so many of the whole run; 0 for all."""
    max_per_km2: int = 0
    """At most so many in one square of about 1 km²; 0 for all."""
    changed_since: datetime | None = None
    """Only what is new or changed at the source; one that cannot tell lists everything again."""

    def wanted(self, photos: Sequence[Photo]) -> list[Photo]:
        """Those inside the area and the time; with a time given, undated ones are not wanted."""
        inside = self.area.contains([photo.position for photo in photos])
        return [
            photo
            for photo, here in zip(photos, inside, strict=True)
            if here and self._in_time(photo.moment)
        ]

    def is_enough(self, box: Box, photos: Sequence[Photo]) -> bool:
        """Whether every square that the box touches has as many as it may have already."""
        squares = squares_in(box, ENOUGH_SQUARES) if self.max_per_km2 else set()
        if not squares:
            return False
        counts = Counter(square_km(*photo.position) for photo in self.wanted(photos))
        return all(counts[square] >= self.max_per_km2 for square in squares)

    def _in_time(self, moment: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if moment is None or (self.since is not None and moment < self.since):
            return False
        return self.until is None or moment < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What one task gave."""

    photos: Sequence[Photo] = ()
    children: Sequence[NewTask] = ()
    """Tasks that this one led to: the parts of a cell, the next page, the items of a sequence."""
    bad: Sequence[BadRecord] = ()
    deleted: Sequence[str] = ()
    """Ids of photographs that the source has no more."""
    deleted_groups: Sequence[str] = ()
    """Ids of sequences that are deleted with all their photographs."""
    capped: str = ""
    """Set when the answer was full and nothing can be split any more: what was searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to the search of one cell."""

    photos: Sequence[Photo] = ()
    bad: Sequence[BadRecord] = ()
    whole: bool
    """False when the source may have more in this cell, or refused it as too full."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the API wants with each request; never sent to another host than the source's own."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


class Get(Protocol):
    """The polite client, bound to one source's budgets and credentials."""

    async def __call__(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        budget: str = API,
        expect: Collection[int] = (),
    ) -> Answer:
        """A GET in its turn. Raises FetchError when no good answer came.

        expect: statuses besides 2xx that are an answer to read: an error in the API's own words.
        """


class Source(ABC):
    """One service. Instances are small frozen dataclasses: they travel to the workers."""

    name: ClassVar[str]
    """The dataset's `source` column and the directory below `raw/`."""
    terms: ClassVar[Terms]
    key_variable: ClassVar[str] = ""
    """The environment variable that holds the API key; "" where none is needed."""
    key_required: ClassVar[bool] = True
    """With a `key_variable`: whether the source gives nothing without the key."""
    base_url: str
    """Where the API is; another one for a mirror or a test server."""
    limits: Mapping[str, tuple[Limit, ...]]
    """By budget: at least `API` and `IMAGES`."""

    @abstractmethod
    def seeds(self, query: Query) -> Iterable[NewTask]:
        """The tasks that a run begins with."""

    @abstractmethod
    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        """Does one task. Raises FetchError, or ValueError for an answer against the protocol."""

    async def again(self, photo: Photo, get: Get) -> Photo | None:  # noqa: ARG002
        """The record once more, when the URL of its picture expired; None when that is no use."""
        return None

    def is_stand_in(self, url: str) -> bool:  # noqa: ARG002
        """Whether what came from `url` is no picture of ours, but a notice that it is gone."""
        return False

    def checks(self, captured: Mapping[str, Iterable[str]]) -> Iterable[NewTask]:  # noqa: ARG002
        """Tasks that find out which captured photographs are deleted: ids by group."""
        return ()

    def has_listed(self, capture: Capture) -> bool:  # noqa: ARG002
        """Whether this API is where a capture of the source came from: only it may miss it."""
        return True

    def credentials(self, key: str) -> Credentials:  # noqa: ARG002
        return Credentials()

    def is_own_host(self, url: str) -> bool:
        """Whether credentials may be sent to `url`."""
        own, other = urlsplit(self.base_url), urlsplit(url)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)


class CellSource(Source):
    """A source that is searched by map cells: an adapter gives `search` alone."""

    splitting: Splitting

    @abstractmethod
    async def search(self, cell: Cell, get: Get) -> Found:
        """Everything that the source shows of one cell, borders included."""

    def seeds(self, query: Query) -> Iterable[NewTask]:
        return tasks_in(root_cells(query.area, query.since, query.until), query.area)

    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        cell = Cell.from_payload(payload)
        parts = self.splitting.parts(cell)
        if not self.splitting.fits(cell):
            return Expansion(children=tasks_in(parts, query.area))
        found = await self.search(cell, get)
        is_enough = found.whole or query.is_enough(cell.box, found.photos)
        if parts and not is_enough:
            return Expansion(children=tasks_in(parts, query.area))
        capped = "" if is_enough else f"{cell.box.text} {cell.interval()}".strip()
        return Expansion(photos=found.photos, bad=found.bad, capped=capped)
