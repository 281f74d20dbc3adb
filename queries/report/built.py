"""What the manifests of a dataset's shard sets say, as far as a report shows it."""

from dataclasses import dataclass
from pathlib import Path

from queries.selection.splits import Split
from shards.errors import LostFoundError
from shards.keys import is_key
from shards.manifest import MANIFEST_NAME, Manifest, load_manifest, metadata_path


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The shards of one split."""

    split: str
    shards: int
    samples: int
    bytes: int
    """Of the tars."""
    metadata_bytes: int


@dataclass(frozen=True, slots=True)
class ShardSet:
    name: str
    splits: list[SplitFiles]
    bytes: int
    """Of all files that the manifest lists."""
    files: int
    opted_out: int


def read_shard_sets(folder: Path) -> tuple[list[ShardSet], list[str]]:
    """The finished shard sets by name, and one line for each manifest that cannot be read."""
    sets: list[ShardSet] = []
    problems: list[str] = []
    for directory in sorted(path.parent for path in folder.glob(f"*/{MANIFEST_NAME}")):
        if not is_key(directory.name):
            continue
        try:
            sets.append(_described(directory.name, load_manifest(directory)))
        except LostFoundError as error:
            reason = str(error).removeprefix(f"{directory / MANIFEST_NAME}: ")
            problems.append(f"shards/{directory.name}: {reason}")
    return sets, problems


def _split_order(item: tuple[str, int]) -> tuple[int, str]:
    known = [str(split) for split in Split]
    return known.index(item[0]) if item[0] in known else len(known), item[0]


def _described(name: str, manifest: Manifest) -> ShardSet:
    sizes = {entry.path: entry.bytes for entry in manifest.files}
    splits = []
    for split, samples in sorted(manifest.splits.items(), key=_split_order):
        tars = [e.path for e in manifest.tars() if e.path.startswith(f"data/{split}-")]
        metadata = [metadata_path(tar) for tar in tars]
        splits.append(
            SplitFiles(
                split=split,
                shards=len(tars),
                samples=samples,
                bytes=sum(sizes[tar] for tar in tars),
                metadata_bytes=sum(sizes.get(path, 0) for path in metadata),
            )
        )
    return ShardSet(
        name=name,
        splits=splits,
        bytes=sum(sizes.values()),
        files=len(sizes),
        opted_out=len(manifest.opted_out),
    )
