"""Where every member of a shard stands: known from its rows, before any image is read."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shards.members import JSON, ORIGINAL, Kept, Kind, kept, kind_of
from shards.sample import sample_records
from shards.tar import BLOCK, END_OF_ARCHIVE

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Place:
    """One member of each sample; arrays in the order of the samples."""

    extension: str
    start: Ints
    """Byte of the tar at which its header begins."""
    size: Ints
    """Bytes of its content."""


@dataclass(frozen=True, slots=True)
class Window:
    """Samples `first` to `last` - 1, which fill the tar's bytes from `start` to `end`."""

    first: int
    last: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The tar of a shard."""

    keys: list[str]
    kind: Kind
    records: list[bytes]
    """JSON members."""
    places: list[Place]
    """In the order of a sample's members: its image, its JSON, its original if it has one."""
    ends: Ints
    """Where each sample ends."""

    @property
    def size(self) -> int:
        """Bytes of the whole tar."""
        return int(self.ends[-1]) + len(END_OF_ARCHIVE)

    @property
    def image(self) -> Place:
        return self.places[0]

    @property
    def original(self) -> Place | None:
        """The captured bytes of each sample: beside the image, as the image, or nowhere."""
        if self.kind.kept is Kept.BESIDE:
            return self.places[2]
        return self.image if self.kind.kept is Kept.INSTEAD else None

    def windows(self, limit: int) -> Iterator[Window]:
        """Cuts the samples into windows of at most `limit` bytes, or of one sample."""
        first, start = 0, 0
        while first < len(self.ends):
            fits = int(np.searchsorted(self.ends, start + limit, side="right"))
            last = max(fits, first + 1)
            end = int(self.ends[last - 1])
            yield Window(first, last, start, end)
            first, start = last, end


def arrange(rows: pa.Table) -> Arrangement:
    """The tar of rows with SHARD_SCHEMA that are all of one kind."""
    columns = ("original_offset", "tar_offset", "format")
    [first] = rows.slice(0, 1).select(columns).to_pylist()
    kind = kind_of(kept(first), first["format"])
    records = sample_records(rows)
    sizes = {
        kind.image: _integers(rows, "tar_size"),
        JSON: np.array([len(record) for record in records], np.int64),
    }
    if kind.kept is Kept.BESIDE:
        sizes[ORIGINAL] = _integers(rows, "original_size")
    extents = [BLOCK + -(-size // BLOCK) * BLOCK for size in sizes.values()]
    ends = np.cumsum(sum(extents))
    starts = ends - sum(extents)
    places = []
    for (extension, size), extent in zip(sizes.items(), extents, strict=True):
        places.append(Place(extension, starts, size))
        starts = starts + extent
    return Arrangement(rows["key"].to_pylist(), kind, records, places, ends)


def _integers(rows: pa.Table, name: str) -> Ints:
    # Not `to_numpy`, which imports pandas.
    return np.array(rows[name].to_pylist(), np.int64)
