"""`build`: a selection becomes WebDataset shards with metadata, labels, a card and a manifest.

The same selection and options give the same bytes, whatever the number of workers and however
often the build was interrupted: a finished shard that is right is kept, everything else is
written again. Samples under share-alike licences get a shard set of their own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shards.dataset import METADATA
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout, checked_name
from shards.manifest import MANIFEST_NAME, Column, Manifest, load_manifest
from shards.rights import LICENSED_SQL, SHARE_ALIKE_SUFFIX
from shards.rows import SelectedRows, Selection, load_selection, open_rows
from shards.sample import SAMPLE_FIELDS
from shards.schema import SHARD_SCHEMA
from shards.shardset import remove_set, write_set
from shards.version import code_version

DEFAULT_SHARD_BYTES = 512 << 20
MIN_SHARD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What decides the bytes of a build, or whether there is one."""

    shard_bytes: int = DEFAULT_SHARD_BYTES
    """Limit of one tar. Only a sample that is larger on its own exceeds it."""
    mix_licences: bool = False
    """Share-alike samples stand among the others, not in a shard set of their own."""
    allow_unlicensed: bool = False
    """Also builds samples that state no licence or no attribution."""

    def to_json(self) -> dict[str, int | bool]:
        return {"shard_bytes": self.shard_bytes, "mix_licences": self.mix_licences}


@dataclass(frozen=True, slots=True)
class BuildSummary:
    name: str
    path: str
    share_alike_path: str | None
    """Of the second shard set, where the selection mixes share-alike samples with others."""
    samples: int
    share_alike_samples: int
    """Those of `samples` that stand in the second shard set."""
    splits: dict[str, int]
    shards: int
    written: int
    """Shards written by this run; the others stood there already and were right."""
    bytes: int
    """Of all shards' tars."""
    opted_out: int
    """Samples of the selection that are left out: the deny-list rejects them. The manifest names
    them."""


def needed_parts(name: str) -> list[str]:
    """What of a dataset must be at hand to build the selection `name`."""
    sets = [name, f"{name}{SHARE_ALIKE_SUFFIX}"]
    manifests = [f"shards/{one}/{MANIFEST_NAME}" for one in sets]
    return [*METADATA, f"selections/{checked_name(name)}", *manifests]


def build_shards(
    layout: DatasetLayout, name: str, options: BuildOptions | None = None, *, workers: int = 1
) -> BuildSummary:
    """Builds `shards/<name>` from `selections/<name>`, and the share-alike set beside it.

    Raises UsageError for an unknown selection, a useless shard size, unlicensed samples, or samples
    that have different members, WorkError when the dataset does not hold what the selection names.
    Then an earlier shard set stays as it was.
    """
    options = options or BuildOptions()
    if options.shard_bytes < MIN_SHARD_BYTES:
        raise UsageError(f"shard size {options.shard_bytes}: use at least {MIN_SHARD_BYTES} bytes")
    selection = load_selection(layout, name)
    main = layout.shards(name)
    with open_rows(layout, selection, main.parent) as rows:
        _check_licensed(rows, selection, options)
        families: dict[Path, bool | None] = {main: None}
        if rows.mixes_licences() and not options.mix_licences:
            families = {main: False, layout.shards(f"{name}{SHARE_ALIKE_SUFFIX}"): True}
        plans = [_about(rows, selection, options, *family) for family in families.items()]
        built = []
        for (directory, share_alike), about in zip(families.items(), plans, strict=True):
            rows.take(share_alike)
            place = layout.relative(directory)
            done = write_set(layout.store, place, rows, "", about, selection, workers=workers)
            built.append(done)
    apart = main.with_name(f"{name}{SHARE_ALIKE_SUFFIX}")
    if apart not in families and _owner(apart) == name:
        remove_set(layout.store, layout.relative(apart))
    return _summary(layout, list(families), *zip(*built, strict=True))


def _check_licensed(rows: SelectedRows, selection: Selection, options: BuildOptions) -> None:
    if options.allow_unlicensed or selection.entry.options.get("allow_unlicensed"):
        return
    [(count, first)] = rows.query(
        f"SELECT count(*), min(key) FROM rows WHERE NOT ({LICENSED_SQL})"  # noqa: S608
    )
    if count:
        raise UsageError(
            f"{selection.path}: {count} of its samples state no licence or no attribution (first:"
            f" {first}); select again, which leaves them out, or build with --allow-unlicensed"
        )


def _about(
    rows: SelectedRows,
    selection: Selection,
    options: BuildOptions,
    directory: Path,
    share_alike: bool | None,
) -> Manifest:
    """The manifest of a shard set, but for its files. Raises UsageError for what cannot be one."""
    if _owner(directory) not in (None, selection.entry.name):
        raise UsageError(
            f"{directory}: was built from the selection {_owner(directory)!r}; make this selection"
            " under another name"
        )
    rows.take(share_alike)
    splits = rows.splits()
    return Manifest(
        name=directory.name,
        code_version=code_version(),
        options=options.to_json(),
        selection=selection.entry,
        samples=sum(splits.values()),
        splits=splits,
        opted_out=rows.opted_out(),
        captures=rows.captures(),
        columns=[Column(name=field.name, type=str(field.type)) for field in SHARD_SCHEMA],
        members=list(rows.kind().members),
        sample_fields=[Column(name=n, type=kind.__name__) for n, kind in SAMPLE_FIELDS.items()],
        files=[],
    )


def _owner(directory: Path) -> str | None:
    """The selection that a finished shard set was built from."""
    try:
        return load_manifest(directory).selection.name
    except WorkError:
        return None


def _summary(
    layout: DatasetLayout,
    directories: list[Path],
    manifests: Sequence[Manifest],
    written: Sequence[int],
) -> BuildSummary:
    main, *others = directories
    splits: Counter[str] = Counter()
    for manifest in manifests:
        splits.update(manifest.splits)
    tars = [entry for manifest in manifests for entry in manifest.tars()]
    return BuildSummary(
        name=main.name,
        path=layout.shown(main),
        share_alike_path=layout.shown(others[0]) if others else None,
        samples=splits.total(),
        share_alike_samples=sum(manifest.samples for manifest in manifests[1:]),
        splits=dict(sorted(splits.items())),
        shards=len(tars),
        written=sum(written),
        bytes=sum(entry.bytes for entry in tars),
        opted_out=len(manifests[0].opted_out),
    )
