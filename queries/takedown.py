"""`takedown`: samples that must go, out of a dataset and out of every shard set that holds them.

First the deny-list and the tombstones, so that no later stage takes them again; then each shard set
that still has one of them, one after the other; then what interrupted builds have left. Every step
can be repeated: run again after it was stopped, a takedown does what is left.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from shards.dataset import METADATA, open_dataset
from shards.denyfile import add_rules
from shards.denylist import Kind, Rule
from shards.errors import StorageError, UsageError, WorkError
from shards.layout import DatasetLayout
from shards.manifest import MANIFEST_NAME, Manifest, load_manifest
from shards.named import Named, find_named, parse_names, same_pictures
from shards.remote import is_address
from shards.rights import SHARE_ALIKE_SUFFIX
from shards.rows import load_selection
from shards.shardset import finish_set, staging_of
from shards.store import Store, open_store
from shards.takedown import (
    Rewritten,
    clear_staging,
    described,
    keys_of,
    keys_to_remove,
    place_of,
    rewrite_without,
    rewritten,
)


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
    keeps_versions: bool = False
    """The storage says that it keeps what was removed, as an earlier version."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def takedown(
    path: str | Path,
    names: Sequence[str],
    where: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    workers: int = 1,
) -> TakedownSummary:
    """Removes samples from a dataset or a shard directory that stands alone, here or at an address.

    A shard directory inside a dataset stands for the whole dataset: the next build would bring the
    samples back otherwise. Raises UsageError when nothing is named or a name fits no capture.
    """
    named, place = parse_names(names), str(path)
    if not names and not where.strip():
        raise UsageError("name what must go: keys, addresses, SHA-256, or --where CONDITION")
    with _dataset(place) as dataset:
        if dataset is None:
            return _from_shards(place, named, where, dry_run, workers)
        return _from_dataset(dataset, named, where, reason, dry_run, workers)


@contextmanager
def _dataset(place: str) -> Iterator[DatasetLayout | None]:
    """The dataset at a place, or around a shard directory; None for one that stands alone."""
    if not is_address(place):
        yield _around(Path(place))
        return
    around, _, folder = place.rstrip("/").rpartition("/")[0].rpartition("/")
    roots = [place, *([around] if folder == "shards" else [])]
    for root in roots:
        if open_store(root).sizes("enriched"):
            with open_dataset(root, (*METADATA, "selections")) as layout:
                yield layout
            return
    if open_store(place).size(MANIFEST_NAME) is None and not _unfinished(place):
        raise UsageError(f"{place}: neither an enriched dataset nor a shard set is there")
    yield None


def _unfinished(place: str) -> bool:
    """Whether a shard set is about to stand there: its replacement was interrupted."""
    store, name = place_of(place)
    return store.size(f"{staging_of(name)}/{MANIFEST_NAME}") is not None


def _around(path: Path) -> DatasetLayout | None:
    if not path.is_dir():
        raise UsageError(f"{path}: no such directory; give a dataset or a shard directory")
    around = path.resolve().parents[1:2]
    for root in (path, *around):
        layout = DatasetLayout(root)
        if layout.enriched.is_dir() and (root == path or path.resolve().parent.name == "shards"):
            return layout
    return None


def _from_shards(
    place: str, named: Named, where: str, dry_run: bool, workers: int
) -> TakedownSummary:
    keys, tars = keys_to_remove(place, named, where)
    kept = open_store(place).keeps_versions(MANIFEST_NAME)
    if dry_run:
        done = Rewritten(place, len(keys), len(set(tars.values())), 0)
    else:
        done = rewrite_without(place, keys, workers=workers)
    return _summary(keys, 0, [done] if keys else [], dry_run, kept)


def _from_dataset(
    layout: DatasetLayout, named: Named, where: str, reason: str, dry_run: bool, workers: int
) -> TakedownSummary:
    keys = _resolve(layout, named, where)
    added = 0
    if not dry_run:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        added = add_rules(layout, [Rule(Kind.KEY, key, "", reason, now) for key in keys])
        layout.send()
        find_tombstones(layout)
        layout.send()
    gone = set(_same(layout, keys) if dry_run else _tombstones(layout))
    sets = list(_concerned(layout, gone, finish=not dry_run))
    removed = {key for _, _, held in sets for key in held}
    if dry_run:
        done = [Rewritten(layout.shown(d), len(held), len(m.tars()), 0) for d, m, held in sets]
    else:
        done = []
        problem = _settle_duplicates(layout)
        layout.send()
        for directory, before, held in sets:
            _rewrite(layout, directory, before, gone, workers)
            done.append(rewritten(layout.shown(directory), before, len(held)))
        for name in _unfinished_sets(layout):
            clear_staging(_sets(layout), name)
        if problem:
            raise WorkError(f"{problem}; the shard sets are rewritten, the duplicates are not")
    kept = layout.store.keeps_versions(layout.relative(layout.denylist))
    return _summary(sorted(removed), added, done, dry_run, kept)


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
    store = _sets(layout)
    if finish:
        for name in _unfinished_sets(layout):
            finish_set(store, name)
    found = [name.split("/") for name in store.sizes() if name.count("/") == 1]
    for name in sorted(folder for folder, file in found if file == MANIFEST_NAME):
        if not name.startswith("."):
            manifest, held = _held(store, name, gone)
            if held:
                yield layout.root / "shards" / name, manifest, held


def _sets(layout: DatasetLayout) -> Store:
    """The folder in which the shard sets stand."""
    return open_store(layout.shown(layout.root / "shards"))


def _unfinished_sets(layout: DatasetLayout) -> list[str]:
    """Names of shard sets whose build was interrupted."""
    folders = {name.partition("/")[0] for name, _ in _sets(layout).tree()}
    staged = (name for name in folders if name.startswith(TEMPORARY_PREFIX))
    return sorted(name.removeprefix(TEMPORARY_PREFIX) for name in staged)


def _held(store: Store, name: str, gone: set[str]) -> tuple[Manifest, list[str]]:
    """A shard set's manifest, and which of these keys it holds."""
    with described(store, name) as directory:
        manifest = load_manifest(directory)
        return manifest, sorted(gone.intersection(keys_of(directory, manifest)))


def _rewrite(
    layout: DatasetLayout, directory: Path, before: Manifest, gone: set[str], workers: int
) -> None:
    """Builds the shard set anew where the dataset still has what it was built from, else rewrites
    it from itself. Its share-alike half may have been built with it already."""
    store, name = _sets(layout), directory.name
    if store.size(f"{name}/{MANIFEST_NAME}") is None or not _held(store, name, gone)[1]:
        return
    # What a build asks of the sets that stand there: whose they are.
    apart = directory.with_name(f"{before.selection.name}{SHARE_ALIKE_SUFFIX}")
    both = (directory.with_name(before.selection.name), apart)
    layout.receive(one / MANIFEST_NAME for one in both)
    options = BuildOptions(
        shard_bytes=before.options["shard_bytes"],
        mix_licences=before.options.get("mix_licences", False),
        allow_unlicensed=True,  # what stands there may stay
    )
    try:
        if load_selection(layout, before.selection.name).entry == before.selection:
            build_shards(layout, before.selection.name, options, workers=workers)
            return
    except StorageError:
        raise
    except (UsageError, WorkError):
        pass  # images, parts or the selection are gone, or nothing is left of it
    rewrite_without(layout.shown(directory), gone, workers=workers)


def _summary(
    keys: list[str], rules: int, sets: list[Rewritten], dry_run: bool, kept: bool
) -> TakedownSummary:
    return TakedownSummary(
        removed=keys,
        rules=rules,
        shard_sets=sets,
        publish_again=[one.path for one in sets],
        dry_run=dry_run,
        keeps_versions=kept,
    )
