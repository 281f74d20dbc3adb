"""Copies sealed raw segments from another copy of a dataset: a directory or an address.

The origin's rows say in which segment each sample stands. A segment is taken whole, and gets its
name only when it is a whole archive and holds the pictures that the rows name.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow.fs import LocalFileSystem

from queries.views.catalogue import connect
from queries.views.sources import open_source
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.remote import Remote, is_address, open_remote
from shards.segment import OPEN_SUFFIX, read_segment
from shards.store import Folder, Store


@dataclass(frozen=True, slots=True)
class Picture:
    """A captured picture in a segment."""

    key: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Copied:
    segments: int
    bytes: int
    found: int
    """How many of the keys the origin has."""


def copy_segments(layout: DatasetLayout, origin: str, keys: Collection[str]) -> Copied:
    """Copies the segments in which `origin` has captures of `keys`; those here stay as they are.

    Raises UsageError when the origin is no dataset that can be read, WorkError when it lacks a
    segment, when a segment is damaged, or when another one of the same name is here.
    """
    wanted = _segments(origin, keys)
    remote = open_remote(origin) if is_address(origin) else _local(origin)
    store = layout.store
    here = {name for name in wanted if store.size(name) is not None}
    for name in sorted(here):
        _check_pictures(
            store, name, wanted[name], f"{store}/{name}: another segment than the origin's"
        )
    size = 0
    with progress("segments", len(wanted) - len(here)) as advance:
        for name in sorted(wanted.keys() - here):
            size += _copy(remote, store, name, wanted[name])
            advance()
    found = sum(len({picture.key for picture in pictures}) for pictures in wanted.values())
    return Copied(len(wanted) - len(here), size, found)


def _segments(origin: str, keys: Collection[str]) -> dict[str, list[Picture]]:
    """By name, the segments that hold a capture of one of the keys, with those captures."""
    source = open_source(origin)
    if not source.files.parts:
        raise UsageError(f"{origin}: no samples there; give another copy of the dataset")
    with connect(source) as connection:
        connection.register("wanted", pa.table({"key": pa.array(sorted(keys), pa.string())}))
        rows = connection.execute(
            """SELECT raw_segment, key, raw_offset, raw_size, sha256
            FROM captures SEMI JOIN wanted USING (key) WHERE sha256 IS NOT NULL
            QUALIFY row_number() OVER (
                PARTITION BY key ORDER BY status = 'kept' DESC, raw_segment, raw_offset) = 1"""
        ).fetchall()
    found: dict[str, list[Picture]] = {}
    for name, *picture in rows:
        found.setdefault(_checked(name, origin), []).append(Picture(*picture))
    return found


def _checked(name: str, origin: str) -> str:
    """`raw/<source>/<segment>.tar`, and nothing else that a stranger's table may say."""
    folder, _, rest = (name or "").partition("/")
    source, _, file = rest.partition("/")
    sealed = file.endswith(".tar") and not file.endswith(OPEN_SUFFIX)
    if folder != "raw" or not sealed or not is_key(source) or not is_key(file[: -len(".tar")]):
        raise WorkError(f"{origin}: {name!r} is not the name of a segment; the origin is damaged")
    return name


def _local(origin: str) -> Remote:
    return Remote(origin, LocalFileSystem(), str(Path(origin).resolve()))


def _copy(remote: Remote, store: Store, name: str, pictures: list[Picture]) -> int:
    if not remote.exists(name):
        raise WorkError(f"{remote.url}/{name}: not there; give a copy that has the raw segments")
    with store.writing(name) as temporary:
        remote.fetch(name, temporary)
        for _ in read_segment(temporary):
            pass
        beside = Folder(temporary.parent)
        _check_pictures(beside, temporary.name, pictures, f"{remote.url}/{name}: is damaged")
        return temporary.stat().st_size


def _check_pictures(store: Store, name: str, pictures: list[Picture], problem: str) -> None:
    for picture in pictures:
        data = store.read_range(name, picture.offset, picture.size)
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise WorkError(f"{problem}: it has another picture of {picture.key}")
