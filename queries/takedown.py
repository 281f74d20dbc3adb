"""`takedown`: samples that must go, out of a dataset and out of every shard set that holds them.

First the deny-list and the tombstones, so that no later stage takes them again; then each shard set
that still has one of them, one after the other. Every step can be repeated: run again after it was
stopped, a takedown does what is left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from enrich.duplicates.levels import find_duplicates
from enrich.tombstones import find_tombstones
from queries.question.query import run_query
from queries.views.catalogue import connect
from queries.views.sources import LocalSource
from shards.atomic import TEMPORARY_PREFIX
from shards.build import BuildOptions, build_shards
from shards.denyfile import add_rules
from shards.denylist import Kind, Rule
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.manifest import MANIFEST_NAME, Manifest, load_manifest
from shards.named import Named, find_named, parse_names, same_pictures
from shards.rows import load_selection
from shards.shardset import finish_set
from shards.store import Folder
from shards.takedown import Rewritten, keys_of, keys_to_remove, rewrite_without, rewritten


@dataclass(frozen=True, slots=True)
class TakedownSummary:
    removed: list[str]
    """Keys of samples that no shard set holds any more, or would not with `dry_run`."""
    rules: int
    """Added to the deny-list; 0 for a shard directory without a dataset."""
    shard_sets: list[Rewritten]
    """Those that were rewritten, or would be."""
    publish_again: list[str]
    """Their paths: wherever they are published, the earlier version still has the samples."""
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def takedown(
    path: Path,
    names: Sequence[str],
    where: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    workers: int = 1,
) -> TakedownSummary:
    """Removes samples from a dataset, or from a shard directory that stands alone.

    A shard directory inside a dataset stands for the whole dataset: the next build would bring the
    samples back otherwise. Raises UsageError when nothing is named or a name fits no capture.
    """
    named = parse_names(names)
    if not names and not where.strip():
        raise UsageError("name what must go: keys, addresses, SHA-256, or --where CONDITION")
    dataset = _dataset(path)
    if dataset is None:
        return _from_shards(path, named, where, dry_run, workers)
    return _from_dataset(dataset, named, where, reason, dry_run, workers)


def _dataset(path: Path) -> DatasetLayout | None:
    """The dataset at a path, or around a shard directory; None for one that stands alone."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such directory; give a dataset or a shard directory")
    around = path.resolve().parents[1:2]
    for root in (path, *around):
        layout = DatasetLayout(root)
        if layout.enriched.is_dir() and (root == path or path.resolve().parent.name == "shards"):
            return layout
    return None


def _from_shards(
    directory: Path, named: Named, where: str, dry_run: bool, workers: int
) -> TakedownSummary:
    keys, tars = keys_to_remove(directory, named, where)
    if dry_run:
        done = Rewritten(str(directory), len(keys), len(set(tars.values())), 0)
    else:
        done = rewrite_without(directory, keys, workers=workers)
    return _summary(keys, 0, [done] if keys else [], dry_run)


def _from_dataset(
    layout: DatasetLayout, named: Named, where: str, reason: str, dry_run: bool, workers: int
) -> TakedownSummary:
    keys = _resolve(layout, named, where)
    added = 0
    if not dry_run:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        added = add_rules(layout, [Rule(Kind.KEY, key, "", reason, now) for key in keys])
        find_tombstones(layout)
    gone = set(_same(layout, keys) if dry_run else _tombstones(layout))
    sets = list(_concerned(layout, gone, finish=not dry_run))
    removed = {key for _, _, held in sets for key in held}
    if dry_run:
        done = [Rewritten(str(d), len(held), len(m.tars()), 0) for d, m, held in sets]
    else:
        done = []
        problem = _settle_duplicates(layout)
        for directory, before, held in sets:
            _rewrite(layout, directory, before, gone, workers)
            done.append(rewritten(directory, before, len(held)))
        if problem:
            raise WorkError(f"{problem}; the shard sets are rewritten, the duplicates are not")
    return _summary(sorted(removed), added, done, dry_run)


def _settle_duplicates(layout: DatasetLayout) -> str:
    """What was a duplicate of a row that is gone may be kept now. Returns why that cannot be told,
    which stops no takedown: pictures of old parts may be gone."""
    try:
        find_duplicates(layout)
    except WorkError as error:
        return str(error)
    return ""


def _resolve(layout: DatasetLayout, named: Named, where: str) -> list[str]:
    """The keys of the captures, kept or not, that are named or meet the condition."""
    keys: set[str] = set()
    if where.strip():
        sql = f"SELECT DISTINCT key FROM captures WHERE (\n{where}\n)"  # noqa: S608 - checked there
        for batch in run_query(LocalSource(layout), sql):
            keys.update(batch.column(0).to_pylist())
    with connect(layout) as connection:
        keys.update(find_named(connection, "captures", named))
    return sorted(keys)


def _same(layout: DatasetLayout, keys: list[str]) -> list[str]:
    with connect(layout) as connection:
        return same_pictures(connection, "captures", keys)


def _tombstones(layout: DatasetLayout) -> list[str]:
    if not layout.tombstones.is_file():
        return []
    keys: list[str] = pq.read_table(layout.tombstones, columns=["key"])["key"].to_pylist()
    return keys


def _concerned(
    layout: DatasetLayout, gone: set[str], *, finish: bool
) -> Iterator[tuple[Path, Manifest, list[str]]]:
    """Shard sets that hold any of these keys, with those that they hold."""
    parent = layout.root / "shards"
    if finish:
        for staging in sorted(parent.glob(f"{TEMPORARY_PREFIX}*/{MANIFEST_NAME}")):
            finish_set(Folder(parent), staging.parent.name.removeprefix(TEMPORARY_PREFIX))
    for file in sorted(parent.glob(f"*/{MANIFEST_NAME}")):
        manifest = load_manifest(file.parent)
        held = sorted(gone.intersection(keys_of(file.parent, manifest)))
        if held and not file.parent.name.startswith("."):
            yield file.parent, manifest, held


def _rewrite(
    layout: DatasetLayout, directory: Path, before: Manifest, gone: set[str], workers: int
) -> None:
    """Builds the shard set anew where the dataset still has what it was built from, else rewrites
    it from itself. Its share-alike half may have been built with it already."""
    if not (directory / MANIFEST_NAME).is_file() or not gone.intersection(
        keys_of(directory, load_manifest(directory))
    ):
        return
    options = BuildOptions(
        shard_bytes=before.options["shard_bytes"],
        mix_licences=before.options.get("mix_licences", False),
        allow_unlicensed=True,  # what stands there may stay
    )
    try:
        if load_selection(layout, before.selection.name).entry == before.selection:
            build_shards(layout, before.selection.name, options, workers=workers)
            return
    except (UsageError, WorkError):
        pass  # images, parts or the selection are gone, or nothing is left of it
    rewrite_without(directory, gone, workers=workers)


def _summary(keys: list[str], rules: int, sets: list[Rewritten], dry_run: bool) -> TakedownSummary:
    return TakedownSummary(
        removed=keys,
        rules=rules,
        shard_sets=sets,
        publish_again=[one.path for one in sets],
        dry_run=dry_run,
    )
