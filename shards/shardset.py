"""Writes one shard set: all of it beside the directory, then in its place.

Shards are written into a staging directory, where a build that was interrupted goes on. Those that
stand in the directory already and are right are linked there. Once everything is complete, the
files take the places of the earlier ones. So a build that fails leaves the earlier shard set as it
was, at the price of disk for both while it runs.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pyarrow as pa

from shards.atomic import (
    TEMPORARY_PREFIX,
    remove_temporaries,
    sync_directory,
    write_json,
)
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
from shards.sources import read_ahead
from shards.writer import ShardResult, ShardTask, write_shard

FOLDERS = ("data", "metadata")


def staging_of(directory: Path) -> Path:
    """Where a shard set is made: beside its directory, under a name that no shard set can have."""
    return directory.with_name(f"{TEMPORARY_PREFIX}{directory.name}")


def write_set(
    directory: Path,
    rows: SelectedRows,
    source: Path,
    about: Manifest,
    selection: Selection,
    *,
    workers: int,
) -> tuple[Manifest, int]:
    """Writes the shards of `rows`, what describes them, and the manifest.

    The column `tar` of the rows names files in the folder `source`, which may be the shard set's
    own directory. `about` is the manifest but for its files; its options hold `shard_bytes`.
    Returns the manifest and how many shards this run wrote. Raises WorkError, leaving the earlier
    shard set as it was, when `source` lacks what the rows promise.
    """
    staging = staging_of(directory)
    for folder in (staging, *(staging / name for name in FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True)
        remove_temporaries(folder)
    try:
        with read_ahead(source, rows.tars()):
            results = _write_shards(directory, rows, source, about.options["shard_bytes"], workers)
        manifest = _describe(staging, results, about, selection)
        _replace(directory, manifest)
    except OSError as error:
        raise WorkError(
            f"{error.filename or staging}: cannot be written ({error.strerror}); free some disk"
            " and build again: finished shards are kept"
        ) from None
    return manifest, sum(result.written for result in results)


def finish_set(directory: Path) -> None:
    """Goes on where a replacement of the set was interrupted: between two of its moves.

    Then the directory has no manifest, and the staging directory, which was complete before the
    first move, still has its own.
    """
    staging = staging_of(directory)
    if (staging / MANIFEST_NAME).is_file() and not (directory / MANIFEST_NAME).is_file():
        _replace(directory, load_manifest(staging))


def remove_set(directory: Path) -> None:
    """Removes a shard set's files, its manifest first; a file of any other kind is left alone."""
    (directory / MANIFEST_NAME).unlink(missing_ok=True)
    _remove_others(directory, set())
    for name in (LABELS_NAME, ATTRIBUTION_NAME, *DESCRIBING, *FOLDERS, "."):
        path = directory / name
        if path.is_file():
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _write_shards(
    directory: Path, rows: SelectedRows, source: Path, limit: int, workers: int
) -> list[ShardResult]:
    plans = list(plan_shards(rows.placed(limit), limit))
    tasks = (
        ShardTask(source, directory, staging_of(directory), plan, table)
        for plan, table in zip(plans, _tables(rows.batches(), plans), strict=True)
    )
    results = []
    with progress("shards", len(plans)) as advance:
        # More workers than shards would only wait.
        for result in fan_out(write_shard, _ahead(tasks), workers=min(workers, len(plans))):
            results.append(result)
            advance()
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
    staging: Path,
    results: list[ShardResult],
    about: Manifest,
    selection: Selection,
) -> Manifest:
    """Writes what describes the shards into the staging directory, and the manifest."""
    write_json(staging / LABELS_NAME, selection.labels.model_dump())
    metadata = [staging / result.metadata.path for result in results]
    write_attribution(staging / ATTRIBUTION_NAME, metadata)
    shards = [entry for result in results for entry in (result.tar, result.metadata)]
    tables = [file_entry(staging, name) for name in (LABELS_NAME, ATTRIBUTION_NAME)]
    manifest = about.with_files([*shards, *tables])
    manifest = manifest.with_files([*manifest.files, *describe(staging, manifest)])
    write_manifest(staging, manifest)
    return manifest


def _replace(directory: Path, manifest: Manifest) -> None:
    """Moves the files to their final places: the manifest goes first and comes last."""
    staging = staging_of(directory)
    for folder in FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
    (directory / MANIFEST_NAME).unlink(missing_ok=True)
    sync_directory(directory)
    for entry in manifest.files:
        # One that is not there was moved before an interruption.
        if (staging / entry.path).exists():
            os.replace(staging / entry.path, directory / entry.path)
    _remove_others(directory, {entry.path for entry in manifest.files})
    for folder in FOLDERS:
        sync_directory(directory / folder)
    os.replace(staging / MANIFEST_NAME, directory / MANIFEST_NAME)
    sync_directory(directory)
    shutil.rmtree(staging)


def _remove_others(directory: Path, planned: set[str]) -> None:
    """Removes shards of an earlier selection; files of any other kind are left alone."""
    for pattern in ("data/*.tar", "metadata/*.parquet"):
        for path in directory.glob(pattern):
            if path.relative_to(directory).as_posix() not in planned:
                path.unlink()
