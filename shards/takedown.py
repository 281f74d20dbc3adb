"""Removes samples from a shard directory that stands alone, from its own metadata and tars.

What results is what `build` would write without them: rows keep their positions, so only the shards
that hold a removed sample change, and those that it joins with. The manifest names the removed keys
as `opted_out`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from shards.database import connect
from shards.errors import UsageError, WorkError
from shards.fetch.condition import Condition
from shards.keys import order_hash_sql
from shards.labels import LABELS_NAME, load_labels
from shards.manifest import MANIFEST_NAME, Manifest, load_manifest, metadata_path
from shards.named import Named, find_named, same_pictures
from shards.paths import duckdb_path
from shards.rights import SHARE_ALIKE_SQL
from shards.rows import MEMORY_BYTES, SelectedRows, Selection
from shards.schema import SHARD_SCHEMA
from shards.shardset import finish_set, remove_set, write_set
from shards.store import Folder
from shards.version import code_version


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a takedown did to one shard set."""

    path: str
    removed: int
    """Samples."""
    shards: int
    """Tars that it has now; 0 when nothing is left and the whole set is removed."""
    written: int
    """Of them, tars whose bytes are new."""


def rewrite_without(directory: Path, keys: Collection[str], *, workers: int = 1) -> Rewritten:
    """Removes the samples with these keys, of which the others take no notice.

    A shard set of which nothing remains is removed. Raises WorkError when the directory is not a
    whole shard set of this version, and leaves it as it was.
    """
    store, name = Folder(directory.parent), directory.name
    finish_set(store, name)
    manifest = load_manifest(directory)
    columns = [(column.name, column.type) for column in manifest.columns]
    if columns != [(field.name, str(field.type)) for field in SHARD_SCHEMA]:
        raise WorkError(
            f"{directory}: was built by version {manifest.code_version} with other columns;"
            " build it again without the samples"
        )
    selection = Selection(
        directory / MANIFEST_NAME, manifest.selection, load_labels(directory / LABELS_NAME)
    )
    gone = sorted(set(keys) & set(keys_of(directory, manifest)))
    if not gone:
        return Rewritten(str(directory), 0, len(manifest.tars()), 0)
    if len(gone) == manifest.samples:
        remove_set(store, name)
        return Rewritten(str(directory), len(gone), 0, 0)
    with connect(directory.parent, MEMORY_BYTES) as connection:
        rows = _rows(connection, directory, manifest, gone)
        about = _without(manifest, rows, gone)
        write_set(store, name, rows, name, about, selection, workers=workers)
    return rewritten(directory, manifest, len(gone))


def rewritten(directory: Path, before: Manifest, removed: int) -> Rewritten:
    """What became of a shard set that had the manifest `before`."""
    tars = []
    if (directory / MANIFEST_NAME).is_file():
        tars = load_manifest(directory).tars()
    known = {entry.sha256 for entry in before.tars()}
    written = sum(entry.sha256 not in known for entry in tars)
    return Rewritten(str(directory), removed, len(tars), written)


def keys_to_remove(
    directory: Path, named: Named, where: str = ""
) -> tuple[list[str], dict[str, str]]:
    """The keys that are named or meet the condition, and those of the same pictures.

    Also, for each of them, the tar that holds it. Raises UsageError for a name that no sample has,
    unless it is of one that was removed before.
    """
    finish_set(Folder(directory.parent), directory.name)
    manifest = load_manifest(directory)
    gone = set(manifest.opted_out)
    left = Named([key for key in named.keys if key not in gone], named.urls, named.hashes)
    with duckdb.connect() as connection:
        files = ", ".join(
            f"'{file.replace(chr(39), chr(39) * 2)}'"
            for file in metadata_files(directory, manifest)
        )
        connection.execute(f"CREATE VIEW samples AS FROM read_parquet([{files}])")
        keys = find_named(connection, "samples", left)
        if where:
            keys += _meeting(directory, manifest, where)
        keys = same_pictures(connection, "samples", keys)
        rows = connection.execute(
            "SELECT key, tar FROM samples WHERE list_contains($keys, key)", {"keys": keys}
        ).fetchall()
    return keys, dict(rows)


def _meeting(directory: Path, manifest: Manifest, where: str) -> list[str]:
    condition = Condition(where, SHARD_SCHEMA)
    keys: list[str] = []
    for tar in manifest.tars():
        columns = sorted({"key", *condition.columns})
        table = pq.read_table(directory / metadata_path(tar.path), columns=columns)
        keys += table["key"].take(condition.rows(table)).to_pylist()
    return keys


def keys_of(directory: Path, manifest: Manifest) -> list[str]:
    """The keys of all samples of a shard set."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT key FROM read_parquet($files)", {"files": metadata_files(directory, manifest)}
        ).fetchall()
    return [key for (key,) in found]


def metadata_files(directory: Path, manifest: Manifest) -> list[str]:
    """As DuckDB takes them. Raises UsageError when one is not there."""
    files = [directory / metadata_path(tar.path) for tar in manifest.tars()]
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: missing; run `lostfound verify {directory}`")
    return [duckdb_path(file) for file in files]


def _rows(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, gone: list[str]
) -> SelectedRows:
    columns = ", ".join(SHARD_SCHEMA.names)
    connection.execute(
        f"""
        CREATE TABLE selected AS
        SELECT {columns}, {SHARE_ALIKE_SQL} AS share_alike,
            {order_hash_sql(manifest.selection.seed)} AS position
        FROM read_parquet($files) WHERE NOT list_contains($gone, key)
        """,  # noqa: S608 - constants and a checked integer
        {"files": metadata_files(directory, manifest), "gone": gone},
    )
    rows = SelectedRows(connection, directory / MANIFEST_NAME)
    rows.take(None)
    return rows


def _without(manifest: Manifest, rows: SelectedRows, gone: list[str]) -> Manifest:
    splits = rows.splits()
    return manifest.model_copy(
        update={
            "code_version": code_version(),
            "samples": sum(splits.values()),
            "splits": splits,
            "opted_out": sorted({*manifest.opted_out, *gone}),
            "captures": manifest.captures.after_takedown(len(gone)) if manifest.captures else None,
            "files": [],
        }
    )
