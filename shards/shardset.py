"""Writes one shard set: all of it beside the directory, then in its place.

Shards are written into a staging directory, where a build that was interrupted goes on. Those that
stand in the directory already and are right are linked there. Once everything is complete, the
files take the places of the earlier ones. So a build that fails leaves the earlier shard set as it
was, at the price of disk for both while it runs.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pyarrow as pa

from shards import metrics
from shards.atomic import TEMPORARY_PREFIX, write_json
from shards.attribution import ATTRIBUTION_NAME, write_attribution
from shards.card.describe import DESCRIBING, describe
from shards.console import progress
from shards.errors import WorkError
from shards.fanout import fan_out
from shards.labels import LABELS_NAME
from shards.manifest import MANIFEST_NAME, Manifest, file_entry, load_manifest, write_manifest
from shards.plan import ShardPlan, plan_shards
from shards.rows import SelectedRows, Selection
from shards.schema import SHARD_SCHEMA
from shards.store import Store
from shards.writer import ShardResult, ShardTask, write_shard

FOLDERS = ("data", "metadata")


def staging_of(directory: str) -> str:
    """Where a shard set is made: beside its directory, under a name that no shard set can have."""
    parent, slash, name = directory.rpartition("/")
    return f"{parent}{slash}{TEMPORARY_PREFIX}{name}"


def write_set(
    store: Store,
    directory: str,
    rows: SelectedRows,
    source: str,
    about: Manifest,
    selection: Selection,
    *,
    workers: int,
) -> tuple[Manifest, int]:
    """Writes the shards of `rows`, what describes them, and the manifest, all in `store`.

    The column `tar` of the rows names files in its folder `source`, which may be the shard set's
    own directory. `about` is the manifest but for its files; its options hold `shard_bytes`.
    Returns the manifest and how many shards this run wrote. Raises WorkError, leaving the earlier
    shard set as it was, when `source` lacks what the rows promise.
    """
    staging = staging_of(directory)
    for folder in (staging, *(f"{staging}/{name}" for name in FOLDERS)):
        store.prepare(folder)
    try:
        limit = about.options["shard_bytes"]
        with store.read_ahead(source, rows.tars()):
            results = _write_shards(store, directory, rows, source, limit, workers)
        manifest = _describe(store, staging, results, about, selection)
        _replace(store, directory, manifest)
    except OSError as error:
        raise WorkError(
            f"{error.filename or staging}: cannot be written ({error.strerror}); free some disk"
            " and build again: finished shards are kept"
        ) from None
    return manifest, sum(result.written for result in results)


def finish_set(store: Store, directory: str) -> None:
    """Goes on where a replacement of the set was interrupted: between two of its moves.

    Then the directory has no manifest, and the staging directory, which was complete before the
    first move, still has its own.
    """
    staging = staging_of(directory)
    made, there = (store.size(f"{one}/{MANIFEST_NAME}") for one in (staging, directory))
    if made is not None and there is None:
        with store.at_hand([f"{staging}/{MANIFEST_NAME}"]) as root:
            manifest = load_manifest(root / staging)
        _replace(store, directory, manifest)


def remove_set(store: Store, directory: str) -> None:
    """Removes a shard set's files, its manifest first; a file of any other kind is left alone."""
    store.remove(f"{directory}/{MANIFEST_NAME}")
    _remove_others(store, directory, set())
    for name in (LABELS_NAME, ATTRIBUTION_NAME, *DESCRIBING):
        store.remove(f"{directory}/{name}")
    store.prune(directory)


def _write_shards(
    store: Store, directory: str, rows: SelectedRows, source: str, limit: int, workers: int
) -> list[ShardResult]:
    plans = list(plan_shards(rows.placed(limit), limit))
    tasks = (
        ShardTask(store, source, directory, staging_of(directory), plan, table)
        for plan, table in zip(plans, _tables(rows.batches(), plans), strict=True)
    )
    results = []
    with progress("shards", len(plans)) as advance:
        # More workers than shards would only wait.
        for result in fan_out(
            write_shard,
            _ahead(tasks),
            workers=min(workers, len(plans)),
            on_node=lambda node: advance(node=node),
        ):
            results.append(result)
            if result.written:
                metrics.count("lostfound_built_samples_total", result.tar.samples)
                metrics.count("lostfound_built_bytes_total", result.tar.bytes)
    return results


def _ahead(tasks: Iterable[ShardTask]) -> Iterator[ShardTask]:
    """The tasks; a thread makes the next one, which asks the database, while one is worked on."""
    waiting = iter(tasks)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, waiting, None)
        while (task := coming.result()) is not None:
            coming = thread.submit(next, waiting, None)
            yield task


def _tables(batches: Iterator[pa.RecordBatch], plans: list[ShardPlan]) -> Iterator[pa.Table]:
    """Cuts the stream of rows as planned; holds the rows of one shard and of one batch."""
    for plan in plans:
        taken, need = [], plan.samples
        while need:
            batch = next(batches)
            taken.append(batch.slice(0, need))
            if batch.num_rows > need:
                batches = chain([batch.slice(need)], batches)
            need -= taken[-1].num_rows
        yield pa.Table.from_batches(taken, SHARD_SCHEMA)


def _describe(
    store: Store,
    staging: str,
    results: list[ShardResult],
    about: Manifest,
    selection: Selection,
) -> Manifest:
    """Writes what describes the shards into the staging directory, and the manifest."""
    metadata = [result.metadata.path for result in results]
    with store.at_hand(f"{staging}/{name}" for name in metadata) as root:
        folder = root / staging
        write_json(folder / LABELS_NAME, selection.labels.model_dump())
        write_attribution(folder / ATTRIBUTION_NAME, [folder / name for name in metadata])
        shards = [entry for result in results for entry in (result.tar, result.metadata)]
        tables = [file_entry(folder, name) for name in (LABELS_NAME, ATTRIBUTION_NAME)]
        manifest = about.with_files([*shards, *tables])
        manifest = manifest.with_files([*manifest.files, *describe(folder, manifest)])
        write_manifest(folder, manifest)
    return manifest


def _replace(store: Store, directory: str, manifest: Manifest) -> None:
    """Moves the files to their final places: the manifest goes first and comes last."""
    staging = staging_of(directory)
    store.remove(f"{directory}/{MANIFEST_NAME}")
    paths = [entry.path for entry in manifest.files]
    store.move({f"{staging}/{path}": f"{directory}/{path}" for path in paths})
    _remove_others(store, directory, {*paths})
    store.move({f"{staging}/{MANIFEST_NAME}": f"{directory}/{MANIFEST_NAME}"})
    store.remove_folder(staging)


def _remove_others(store: Store, directory: str, planned: set[str]) -> None:
    """Removes shards of an earlier selection; files of any other kind are left alone."""
    for folder, suffix in zip(FOLDERS, (".tar", ".parquet"), strict=True):
        for name in store.sizes(f"{directory}/{folder}"):
            relative = name.removeprefix(f"{directory}/")
            if relative.endswith(suffix) and relative not in planned and relative.count("/") == 1:
                store.remove(name)
