"""The whole of `fetch`: manifest, places, images, tables."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from shards.console import Advance, progress
from shards.errors import WorkError
from shards.fetch.folder import NOT_MORE, Folder
from shards.fetch.places import Place, find_places
from shards.fetch.sample import Fetched, json_extent, read_sample
from shards.fetch.source import Source, open_source
from shards.fetch.spans import Span, spans
from shards.manifest import MANIFEST_NAME, Manifest, parse_manifest
from shards.members import JSON
from shards.schema import SHARD_SCHEMA

REQUESTS_AT_A_TIME = 16
_IMAGE_EXTENSION = r"[a-z0-9]{1,8}"


@dataclass(frozen=True, slots=True)
class FetchSummary:
    source: str
    out: str
    samples: int
    """That meet the condition."""
    fetched: int
    """By this run; the others were there and right."""
    image_bytes: int
    """Of the images that this run fetched."""
    transferred: int
    """Bytes that this run read, of whatever file; headers of HTTP are not counted."""
    requests: int


def fetch(
    where_from: str, where: str, out: Path, *, limit: int | None = None, dry_run: bool = False
) -> FetchSummary:
    """Fetches the samples of a shard set that meet an SQL condition into the folder `out`.

    With `limit`, the first ones in the order of the shards, which is random within a split. With
    `dry_run` nothing is written, and what would be fetched is counted.
    Raises UsageError for a source, condition or folder that cannot be used, WorkError when
    something is missing, damaged or cannot be reached: what was fetched stays, and running it again
    goes on from there.
    """
    return asyncio.run(_fetch(open_source(where_from), where, out, limit, dry_run))


async def _fetch(
    source: Source, where: str, out: Path, limit: int | None, dry_run: bool
) -> FetchSummary:
    async with source:
        text = await source.whole(MANIFEST_NAME)
        manifest = parse_manifest(text, f"{source.name}/{MANIFEST_NAME}")
        found = [
            place async for some in find_places(source, manifest, where, limit) for place in some
        ]
        if dry_run:
            missing = found
        else:
            missing = await _fill(source, manifest, found, out)
        return FetchSummary(
            source=source.name,
            out=str(out),
            samples=len(found),
            fetched=len(missing),
            image_bytes=sum(place.size for place in missing),
            transferred=source.transferred,
            requests=source.requests,
        )


async def _fill(
    source: Source, manifest: Manifest, found: Sequence[Place], out: Path
) -> list[Place]:
    """Fetches what the folder lacks; returns that."""
    try:
        folder = Folder(out, _extension(source, manifest))
        with closing(folder):
            missing = [place for place in found if not folder.holds(place)]
            with progress("images", len(missing)) as advance:
                await _fetch_into(folder, source, _requests(missing), advance)
            folder.finish(found, _columns_of(found))
    except OSError as error:
        raise WorkError(
            f"{out}: cannot be written ({error.strerror}); what was fetched stays there: run the"
            " same command again to go on"
        ) from None
    return missing


async def _fetch_into(
    folder: Folder, source: Source, requests: Iterator[tuple[str, Span[Place]]], advance: Advance
) -> None:
    async def work() -> None:
        for tar, span in requests:
            for place, sample in await _samples(source, tar, span):
                folder.add(place, sample)
                advance()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(REQUESTS_AT_A_TIME):
                tasks.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _requests(places: Sequence[Place]) -> Iterator[tuple[str, Span[Place]]]:
    for tar, group in groupby(places, key=lambda place: place.tar):
        yield from ((tar, span) for span in spans(group))


async def _samples(source: Source, tar: str, span: Span[Place]) -> list[tuple[Place, Fetched]]:
    data = await source.read(tar, span.start, span.end - span.start)
    found = []
    for place in span.holds:
        content = span.cut(data, place)
        try:
            _, start, length = json_extent(content, place.size)
            if start + length > len(content):
                missing = start + length - len(content)
                content += await source.read(tar, place.end, missing)
            found.append((place, read_sample(content, place.size, captured=place.captured)))
        except ValueError as error:
            raise WorkError(
                f"{source.name}/{tar}: the sample at byte {place.start} is not what its metadata"
                f" says ({error}); run `lostfound verify` where it stands"
            ) from None
    return found


def _extension(source: Source, manifest: Manifest) -> str:
    extension = manifest.members[0] if manifest.members else ""
    if not re.fullmatch(_IMAGE_EXTENSION, extension) or extension == JSON:
        raise WorkError(f"{source.name}/{MANIFEST_NAME}: {extension!r} is no image's extension")
    return extension


def _columns_of(places: Sequence[Place]) -> pa.Schema:
    """The columns that the condition names and that a sample's JSON does not have."""
    names = places[0].values if places else {}
    known = [SHARD_SCHEMA.field(name) for name in names if name in SHARD_SCHEMA.names]
    return pa.schema([field for field in known if field.name not in NOT_MORE])
