"""Removes samples from a shard set that stands alone, in a directory or at an address.

What results is what `build` would write without them: rows keep their positions, so only the shards
that hold a removed sample change, and those that it joins with. The manifest names the removed keys
as `opted_out`.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
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
from shards.remote import is_address
from shards.rights import SHARE_ALIKE_SQL
from shards.rows import MEMORY_BYTES, SelectedRows, Selection
from shards.schema import SHARD_SCHEMA
from shards.shardset import FOLDERS, finish_set, remove_set, staging_of, write_set
from shards.store import Store, open_store
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


def place_of(where: str | Path) -> tuple[Store, str]:
    """The store around a shard set, in which it is made anew, and its name there.

    Raises UsageError for an address that cannot be used, also for a whole bucket.
    """
    if not is_address(str(where)):
        path = Path(where)
        path = path if path.name not in ("", "..") else path.resolve()
        return open_store(path.parent), path.name
    around, _, name = str(where).rstrip("/").rpartition("/")
    if around.endswith("/"):
        raise UsageError(
            f"{where}: a takedown needs room beside the shard set; move it into a folder of its"
            " own, or give a dataset"
        )
    return open_store(around), name


@contextmanager
def described(store: Store, name: str) -> Iterator[Path]:
    """A folder of this machine that has all of a shard set but its tars."""
    with store.at_hand(one for one in store.sizes(name) if not one.endswith(".tar")) as root:
        yield root / name


def rewrite_without(where: str | Path, keys: Collection[str], *, workers: int = 1) -> Rewritten:
    """Removes the samples with these keys, of which the others take no notice.

    A shard set of which nothing remains is removed. Raises WorkError when it is not a whole one of
    this version, and leaves it as it was.
    """
    store, name = place_of(where)
    finish_set(store, name)
    with described(store, name) as directory:
        manifest = load_manifest(directory)
        gone = sorted(set(keys) & set(keys_of(directory, manifest)))
        if gone and len(gone) < manifest.samples:
            _write_without(store, directory, manifest, gone, workers)
    clear_staging(store, name)
    if gone and len(gone) == manifest.samples:
        remove_set(store, name)
    return rewritten(where, manifest, len(gone))


def clear_staging(store: Store, name: str) -> None:
    """Removes what an interrupted build of a shard set has left: it may hold what must go."""
    store.remove(f"{staging_of(name)}/{MANIFEST_NAME}")  # nobody finishes it from now on
    store.remove_folder(staging_of(name))
    if store.size(f"{name}/{MANIFEST_NAME}") is not None:
        for folder in (name, *(f"{name}/{one}" for one in FOLDERS)):
            store.prepare(folder)


def _write_without(
    store: Store, directory: Path, manifest: Manifest, gone: list[str], workers: int
) -> None:
    name = directory.name
    columns = [(column.name, column.type) for column in manifest.columns]
    if columns != [(field.name, str(field.type)) for field in SHARD_SCHEMA]:
        raise WorkError(
            f"{directory}: was built by version {manifest.code_version} with other columns;"
            " build it again without the samples"
        )
    selection = Selection(
        directory / MANIFEST_NAME, manifest.selection, load_labels(directory / LABELS_NAME)
    )
    with connect(directory.parent, MEMORY_BYTES) as connection:
        rows = _rows(connection, directory, manifest, gone)
        about = _without(manifest, rows, gone)
        write_set(store, name, rows, name, about, selection, workers=workers)


def rewritten(where: str | Path, before: Manifest, removed: int) -> Rewritten:
    """What became of a shard set that had the manifest `before`."""
    store, name = place_of(where)
    tars = []
    if store.size(f"{name}/{MANIFEST_NAME}") is not None:
        with store.at_hand([f"{name}/{MANIFEST_NAME}"]) as root:
            tars = load_manifest(root / name).tars()
    known = {entry.sha256 for entry in before.tars()}
    written = sum(entry.sha256 not in known for entry in tars)
    return Rewritten(str(where), removed, len(tars), written)


def keys_to_remove(
    shards: str | Path, named: Named, where: str = ""
) -> tuple[list[str], dict[str, str]]:
    """The keys that are named or meet the condition, and those of the same pictures.

    Also, for each of them, the tar that holds it. Raises UsageError for a name that no sample has,
    unless it is of one that was removed before.
    """
    store, name = place_of(shards)
    finish_set(store, name)
    with described(store, name) as directory:
        return _keys_to_remove(directory, named, where)


def _keys_to_remove(directory: Path, named: Named, where: str) -> tuple[list[str], dict[str, str]]:
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
