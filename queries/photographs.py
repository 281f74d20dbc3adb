"""Photographs at the working size, from a dataset or a folder: a sample by hash."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from enrich.images.decode import Pixels, decode, oversized
from enrich.images.resize import resize
from enrich.options import EnrichOptions
from shards.errors import UsageError, WorkError
from shards.keys import order_hash, order_hash_sql
from shards.segment import IMAGE_EXTENSIONS
from shards.store import Store


def stored_photographs(
    store: Store, connection: duckdb.DuckDBPyConnection, options: EnrichOptions, limit: int
) -> Iterator[Pixels]:
    """Up to `limit` kept pictures as they are stored, at the working size.

    Those that cannot be read are left out.
    """
    rows = connection.execute(
        f"""SELECT tar, tar_offset, tar_size FROM samples WHERE tar IS NOT NULL
        ORDER BY {order_hash_sql(0)}, raw_segment, raw_offset, view LIMIT {int(limit)}"""  # noqa: S608
    ).fetchall()
    for tar, offset, size in rows:
        if oversized(size):
            continue
        try:
            data = store.read_range(tar, offset, size)
        except WorkError:
            continue
        yield from _photograph(data, options)


def folder_photographs(folder: Path, options: EnrichOptions, limit: int) -> Iterator[Pixels]:
    """Up to `limit` picture files of a folder and those below it, brought to the working size.

    Raises UsageError for a folder that is not there or has no picture file. Files that `enrich`
    would reject unseen (damaged, too small, too large) are left out.
    """
    files = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower().lstrip(".") in IMAGE_EXTENSIONS and path.is_file()
    ]
    if not files:
        raise UsageError(f"{folder}: no picture files; give a folder of photographs")
    for path in sorted(files, key=lambda p: (order_hash(0, p.name), p))[:limit]:
        if oversized(path.stat().st_size):
            continue
        yield from _photograph(path.read_bytes(), options)


def _photograph(data: bytes, options: EnrichOptions) -> Iterator[Pixels]:
    """One photograph, or none."""
    pixels = decode(data, options.width, options.height).pixels
    if pixels is not None:
        yield resize(pixels, options.width, options.height)
