"""`build`: a selection becomes WebDataset shards with metadata, labels, a card and a manifest.

The same selection and options give the same bytes, whatever the number of workers and however
often the build was interrupted: a finished shard that is right is kept, everything else is
written again, and the manifest comes last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from shards.atomic import remove_temporaries, write_json, write_text
from shards.card import CARD_NAME, dataset_card
from shards.console import progress
from shards.errors import UsageError
from shards.fanout import fan_out
from shards.labels import LABELS_NAME
from shards.layout import DatasetLayout
from shards.manifest import (
    MANIFEST_NAME,
    Column,
    FileEntry,
    Manifest,
    file_entry,
    write_manifest,
)
from shards.members import Kind
from shards.plan import ShardPlan, plan_shards
from shards.rows import SelectedRows, Selection, load_selection, open_rows
from shards.sample import SAMPLE_FIELDS
from shards.schema import SHARD_SCHEMA
from shards.version import code_version
from shards.writer import ShardResult, ShardTask, write_shard

DEFAULT_SHARD_BYTES = 512 << 20
MIN_SHARD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What changes the bytes of a build."""

    shard_bytes: int = DEFAULT_SHARD_BYTES
    """Limit of one tar. Only a sample that is larger on its own exceeds it."""


@dataclass(frozen=True, slots=True)
class BuildSummary:
    name: str
    path: str
    samples: int
    splits: dict[str, int]
    shards: int
    written: int
    """Shards written by this run; the others stood there already and were right."""
    bytes: int
    """Of all shards' tars."""
    opted_out: int
    """Samples of the selection that are left out: the deny-list rejects them. The manifest names
    them."""


def build_shards(
    layout: DatasetLayout, name: str, options: BuildOptions | None = None, *, workers: int = 1
) -> BuildSummary:
    """Builds `shards/<name>` from `selections/<name>`.

    Raises UsageError for an unknown selection, a useless shard size, or samples that have
    different members, WorkError when the dataset does not hold what the selection names.
    """
    options = options or BuildOptions()
    if options.shard_bytes < MIN_SHARD_BYTES:
        raise UsageError(f"shard size {options.shard_bytes}: use at least {MIN_SHARD_BYTES} bytes")
    selection = load_selection(layout, name)
    directory = layout.shards(name)
    with open_rows(layout, selection) as rows:
        kind = rows.kind()
        for folder in (directory, directory / "data", directory / "metadata"):
            folder.mkdir(parents=True, exist_ok=True)
            remove_temporaries(folder)
        results = _write_shards(layout, directory, rows, options, workers)
        manifest = _finish(directory, rows, selection, options, kind, results)
    tars = manifest.tars()
    return BuildSummary(
        name=name,
        path=str(directory),
        samples=manifest.samples,
        splits=manifest.splits,
        shards=len(tars),
        written=sum(result.written for result in results),
        bytes=sum(entry.bytes for entry in tars),
        opted_out=len(manifest.opted_out),
    )


def _write_shards(
    layout: DatasetLayout,
    directory: Path,
    rows: SelectedRows,
    options: BuildOptions,
    workers: int,
) -> list[ShardResult]:
    plans = list(plan_shards(rows.placed(options.shard_bytes), options.shard_bytes))
    tasks = (
        ShardTask(layout.root, directory, plan, table)
        for plan, table in zip(plans, _tables(rows.batches(), plans), strict=True)
    )
    results = []
    with progress("shards", len(plans)) as advance:
        # More workers than shards would only wait.
        for result in fan_out(write_shard, tasks, workers=min(workers, len(plans))):
            results.append(result)
            advance()
    return sorted(results, key=lambda result: result.tar.path)


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


def _finish(
    directory: Path,
    rows: SelectedRows,
    selection: Selection,
    options: BuildOptions,
    kind: Kind,
    results: list[ShardResult],
) -> Manifest:
    """Writes what describes the shards, removes what belongs to no longer planned ones."""
    shards = [entry for result in results for entry in (result.tar, result.metadata)]
    label_table = selection.labels.model_dump()
    splits = rows.splits()
    tars = [result.tar for result in results]
    card = dataset_card(rows, selection, splits, tars, kind)
    manifest_path = directory / MANIFEST_NAME
    manifest = Manifest(
        code_version=code_version(),
        options={"shard_bytes": options.shard_bytes},
        selection=selection.entry,
        samples=sum(splits.values()),
        splits=splits,
        opted_out=rows.opted_out(),
        columns=[Column(name=field.name, type=str(field.type)) for field in SHARD_SCHEMA],
        members=list(kind.members),
        sample_fields=[Column(name=n, type=kind.__name__) for n, kind in SAMPLE_FIELDS.items()],
        files=[],
    )
    manifest_path.unlink(missing_ok=True)
    _remove_others(directory, shards)
    write_json(directory / LABELS_NAME, label_table)
    write_text(directory / CARD_NAME, card)
    described = [file_entry(directory, name) for name in (CARD_NAME, LABELS_NAME)]
    files = sorted([*shards, *described], key=lambda entry: entry.path)
    manifest = manifest.model_copy(update={"files": files})
    write_manifest(directory, manifest)
    return manifest


def _remove_others(directory: Path, shards: list[FileEntry]) -> None:
    """Removes shards of an earlier selection; files of any other kind are left alone."""
    planned = {entry.path for entry in shards}
    for pattern in ("data/*.tar", "metadata/*.parquet"):
        for path in directory.glob(pattern):
            if path.relative_to(directory).as_posix() not in planned:
                path.unlink()
