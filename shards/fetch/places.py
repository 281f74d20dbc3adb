"""Where the samples stand that meet a condition, shard by shard."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from shards.errors import WorkError
from shards.fetch.columns import FOOTER_GUESS, RemoteTable, open_table
from shards.fetch.condition import Condition
from shards.fetch.source import Source
from shards.manifest import FileEntry, Manifest, metadata_path
from shards.tar import BLOCK, END_OF_ARCHIVE, padded

SHARDS_AT_A_TIME = 8
JSON_BYTES = 2048
"""That a JSON member is taken to have at most; of a longer one the rest is asked for."""
_PLACES = ("tar_offset", "tar_size", "original_offset")


@dataclass(frozen=True, slots=True)
class Place:
    """A sample's image in a tar, and how far its JSON may reach."""

    tar: str
    tar_sha256: str
    start: int
    size: int
    """Of the image."""
    end: int
    captured: bool
    """The image is the captured file, so the SHA-256 of its JSON is that of the image."""
    values: dict[str, Any]
    """Of the columns that the condition names."""


async def find_places(
    source: Source, manifest: Manifest, where: str, limit: int | None
) -> AsyncIterator[list[Place]]:
    """The places in each shard that has any, in the order of shards and rows; `limit` in all."""
    tars = manifest.tars()
    if not tars:
        return
    search = _Search(source, manifest)
    condition = Condition(where, (await search.table(tars[0])).schema)
    left = limit
    for first in range(0, len(tars), SHARDS_AT_A_TIME):
        several = tars[first : first + SHARDS_AT_A_TIME]
        for found in await asyncio.gather(*(search.places(tar, condition) for tar in several)):
            places = found if left is None else found[:left]
            if places:
                yield places
            if left is not None:
                left -= len(places)
        if left == 0:
            return


class _Search:
    def __init__(self, source: Source, manifest: Manifest) -> None:
        self._source = source
        self._files = {entry.path: entry for entry in manifest.files}
        self._guess = FOOTER_GUESS
        self._opened: dict[str, RemoteTable] = {}

    async def table(self, tar: FileEntry) -> RemoteTable:
        """The metadata of a shard. Footers of one shard set are of about one length."""
        path = metadata_path(tar.path)
        entry = self._files.get(path)
        if entry is None:
            raise WorkError(
                f"{self._source.name}/manifest.json: lists {tar.path} without its metadata; run"
                " `lostfound verify` where it stands"
            )
        if path not in self._opened:
            table = await open_table(self._source, path, entry.bytes, self._guess)
            self._guess = table.footer_bytes + BLOCK
            self._opened[path] = table
        return self._opened[path]

    async def places(self, tar: FileEntry, condition: Condition) -> list[Place]:
        table = await self.table(tar)
        del self._opened[metadata_path(tar.path)]
        if condition.excludes(table.bounds):
            return []
        known = await table.columns(condition.columns) if condition.columns else _no_columns(table)
        rows = condition.rows(known)
        if not len(rows):
            return []
        places = await table.columns(_PLACES)
        return list(_places(tar, rows, known, places))


def _no_columns(table: RemoteTable) -> pa.Table:
    return pa.table({"nothing": pa.nulls(table.rows)})


def _places(tar: FileEntry, rows: pa.Array, known: pa.Table, places: pa.Table) -> list[Place]:
    starts, sizes, originals = (places.column(name).to_pylist() for name in _PLACES)
    values = known.take(rows).to_pylist()
    starts.append(tar.bytes - len(END_OF_ARCHIVE) + BLOCK)
    found = []
    for row, columns in zip(rows.to_pylist(), values, strict=True):
        start, size = starts[row], sizes[row]
        # Up to the header of the next sample, whose image's place the next row tells.
        end = min(starts[row + 1] - BLOCK, start + padded(size) + BLOCK + JSON_BYTES)
        if not 0 < start <= start + size < end <= tar.bytes:
            raise WorkError(
                f"{tar.path}: row {row} of its metadata has its image where none can be; run"
                " `lostfound verify` where the shards stand"
            )
        captured = originals[row] == start
        found.append(Place(tar.path, tar.sha256, start, size, end, captured, columns))
    return found
