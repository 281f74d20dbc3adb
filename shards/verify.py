"""`verify`: does a shard directory hold exactly what its manifest says, and is it consistent?

First every file's presence, size and hash; then, for each shard whose bytes are right, that tar
and metadata tell the same story. A defect is one line of text that begins with the file's name.
"""

import tarfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.fanout import default_workers
from shards.labels import LABELS_NAME, Labels, load_labels
from shards.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    file_sha256,
    load_manifest,
    metadata_path,
)
from shards.members import ORIGINAL
from shards.paths import inside
from shards.sample import UNKNOWN_INDEX, sample_records
from shards.schema import SHARD_SCHEMA
from shards.segment import MAX_JSON_BYTES
from shards.tar import END_OF_ARCHIVE

SHOWN_DEFECTS = 10
"""Lines for one shard at most; a further one counts the rest."""

Classes = dict[str, dict[str, int]]
"""Class index by value, for the columns that have classes; empty when the table is unreadable."""


@dataclass(frozen=True, slots=True)
class Verification:
    files: int
    """Files that the manifest lists."""
    samples: int
    defects: list[str]


def verify_shards(directory: Path) -> Verification:
    """Checks a directory that `build` wrote.

    Raises UsageError when there is no such directory or its format is newer than this program;
    everything else that is wrong is a defect.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such directory; give one that `lostfound build` wrote")
    try:
        manifest = load_manifest(directory)
    except WorkError as error:
        return Verification(0, 0, [str(error).removeprefix(f"{directory}/")])
    with (
        ThreadPoolExecutor(default_workers()) as pool,
        progress("files", len(manifest.files)) as advance,
    ):
        wrong: dict[str, str] = {}
        checks = pool.map(partial(_file_defect, directory), manifest.files)
        for entry, defect in zip(manifest.files, checks, strict=True):
            if defect:
                wrong[entry.path] = defect
            advance()
    defects = [f"{path}: {defect}" for path, defect in wrong.items()]
    defects += _extra(directory, manifest, wrong)
    defects += _totals(manifest)
    defects += _labels_and_shards(directory, manifest, set(wrong))
    return Verification(len(manifest.files), manifest.samples, defects)


def _file_defect(directory: Path, entry: FileEntry) -> str:
    path = inside(directory, entry.path)
    if path is None or not path.is_file():
        return "missing"
    size = path.stat().st_size
    if size < entry.bytes:
        return f"truncated: {size} of {entry.bytes} bytes"
    if size > entry.bytes:
        return f"too long: {size} bytes instead of {entry.bytes}"
    if file_sha256(path) != entry.sha256:
        return "its bytes are not those that the manifest's SHA-256 names"
    return ""


def _extra(directory: Path, manifest: Manifest, wrong: dict[str, str]) -> Iterator[str]:
    """Files that the manifest does not list; a missing one under another name is called that."""
    listed = {entry.path for entry in manifest.files} | {MANIFEST_NAME}
    missing = {e.sha256: e for e in manifest.files if wrong.get(e.path) == "missing"}
    sizes = {entry.bytes for entry in missing.values()}
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory).as_posix()
        if path.is_dir() or relative in listed:
            continue
        same = missing.get(file_sha256(path)) if path.stat().st_size in sizes else None
        yield f"{relative}: {f'is {same.path} renamed' if same else 'not in the manifest'}"


def _totals(manifest: Manifest) -> Iterator[str]:
    counts: Counter[str] = Counter()
    listed = {entry.path: entry for entry in manifest.files}
    numbers: dict[str, list[int]] = {}
    for tar in manifest.tars():
        split, _, number = Path(tar.path).stem.rpartition("-")
        counts[split] += tar.samples
        numbers.setdefault(split, []).append(int(number))
        metadata = listed.get(metadata_path(tar.path))
        if metadata is None:
            yield f"{MANIFEST_NAME}: lists {tar.path} without its metadata"
        elif metadata.samples != tar.samples:
            yield f"{MANIFEST_NAME}: {metadata.path} and {tar.path} have different counts"
    if dict(counts) != manifest.splits:
        yield f"{MANIFEST_NAME}: splits {manifest.splits} but its shards have {dict(counts)}"
    if sum(manifest.splits.values()) != manifest.samples:
        yield f"{MANIFEST_NAME}: {manifest.samples} samples is not the sum of its splits"
    for split, found in numbers.items():
        if sorted(found) != list(range(len(found))):
            yield f"{MANIFEST_NAME}: the shards of {split} are not numbered from 0 without gaps"


def _labels_and_shards(directory: Path, manifest: Manifest, wrong: set[str]) -> Iterator[str]:
    classes: Classes = {}
    if LABELS_NAME not in wrong:
        try:
            classes = _classes(load_labels(directory / LABELS_NAME))
        except WorkError as error:
            yield str(error).removeprefix(f"{directory}/")
    owners: dict[str, str] = {}
    for tar in manifest.tars():
        if {tar.path, metadata_path(tar.path)} & wrong:
            continue
        defects = []
        for key, defect in _shard(directory, tar, manifest.members, classes):
            if key in owners:
                defects.append(f"{tar.path}: key {key} stands in {owners[key]} too")
            elif key:
                owners[key] = tar.path
            if defect:
                defects.append(defect)
        yield from defects[:SHOWN_DEFECTS]
        if len(defects) > SHOWN_DEFECTS:
            yield f"{tar.path}: {len(defects) - SHOWN_DEFECTS} more defects like these"


def _classes(labels: Labels) -> Classes:
    return {
        "country_code": {label.code: label.index for label in labels.countries},
        "region_id": {label.id: label.index for label in labels.regions},
    }


def _shard(
    directory: Path, entry: FileEntry, expected: list[str], classes: Classes
) -> Iterator[tuple[str, str]]:
    """(key, "") for each sample that is right, and (key, defect) for the others."""
    metadata = metadata_path(entry.path)
    try:
        table = pq.read_table(directory / metadata)
    except (pa.ArrowException, OSError) as error:
        yield "", f"{metadata}: not readable as Parquet ({str(error).splitlines()[0]})"
        return
    if not table.schema.equals(SHARD_SCHEMA):
        yield "", f"{metadata}: its columns are not those of the format"
        return
    if table.num_rows != entry.samples:
        yield "", f"{metadata}: {table.num_rows} rows, but the manifest says {entry.samples}"
    rows = iter(table.append_column("record", [sample_records(table)]).to_pylist())
    found = 0
    try:
        for key, members, record in _samples(directory / entry.path):
            found += 1
            row = next(rows, None)
            defect = _sample_defect(entry.path, key, expected, members, record, row, classes)
            yield key, f"{entry.path}: {defect}" if defect else ""
    except (tarfile.TarError, OSError, EOFError) as error:
        yield "", f"{entry.path}: not readable as a tar ({error})"
        return
    if found != entry.samples:
        yield "", f"{entry.path}: {found} samples, but the manifest says {entry.samples}"
    for row in rows:
        yield "", f"{metadata}: key {row['key']} is not in {entry.path}"


def _samples(path: Path) -> Iterator[tuple[str, dict[str, tarfile.TarInfo], bytes]]:
    """Key, members by extension, and the JSON member's bytes of each sample of a tar."""
    with tarfile.open(path, "r:") as tar:
        key, record = "", b""
        members: dict[str, tarfile.TarInfo] = {}
        for member in tar:
            stem, _, extension = member.name.partition(".")
            if members and (stem != key or extension in members):
                yield key, members, record
                members, record = {}, b""
            key = stem
            members[extension] = member
            if extension == "json" and member.isreg() and member.size <= MAX_JSON_BYTES:
                content = tar.extractfile(member)
                record = content.read() if content else b""
        if members:
            yield key, members, record
        # A damaged header in the middle looks like the end to tarfile.
        if path.stat().st_size != tar.offset + len(END_OF_ARCHIVE):
            raise tarfile.ReadError(f"damaged after byte {tar.offset}")


def _sample_defect(
    tar: str,
    key: str,
    expected: list[str],
    members: dict[str, tarfile.TarInfo],
    record: bytes,
    row: dict[str, Any] | None,
    classes: Classes,
) -> str:
    """What is wrong with one sample, or the empty text."""
    if set(members) != set(expected) or not all(m.isreg() for m in members.values()):
        wanted = " and ".join(expected)
        return f"sample {key} has the members {sorted(members)} instead of {wanted}"
    if row is None:
        return f"key {key} is not in its metadata"
    if row["key"] != key:
        return f"key {key} stands where its metadata has {row['key']}"
    image = members[expected[0]]
    if (row["tar"], row["tar_offset"], row["tar_size"]) != (tar, image.offset_data, image.size):
        return f"the image of {key} is not where its metadata says"
    if _original_place(row, members, image) != (row["original_offset"], row["original_size"]):
        return f"the original of {key} is not where its metadata says"
    if record != row["record"]:
        return f"the JSON of {key} does not say what its metadata says"
    if row["split"] != Path(tar).stem.rpartition("-")[0]:
        return f"sample {key} belongs to the split {row['split']}"
    for column, indexes in classes.items():
        value, index = row[column], row[f"{column.partition('_')[0]}_index"]
        if index != indexes.get(value, UNKNOWN_INDEX):
            return f"sample {key} has {column} {value} but class index {index}"
    return ""


def _original_place(
    row: dict[str, Any], members: dict[str, tarfile.TarInfo], image: tarfile.TarInfo
) -> tuple[int | None, int | None]:
    """Where a sample's captured bytes stand: beside its image, as its image, or nowhere."""
    if ORIGINAL in members:
        return members[ORIGINAL].offset_data, members[ORIGINAL].size
    if row["original_offset"] is None:
        return None, None
    return image.offset_data, image.size
