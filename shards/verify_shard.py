"""Whether the tar of one shard and its metadata tell the same story.

The metadata says what every byte of the tar must be, but for the images' own: headers, records,
padding. Where that is so, nothing more is looked at; else each sample is, to say what is wrong.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shards.arrange import Arrangement, Window, arrange
from shards.keys import KEY_PATTERN
from shards.labels import Labels
from shards.manifest import FileEntry, metadata_path
from shards.members import JSON, ORIGINAL
from shards.sample import UNKNOWN_INDEX, sample_records
from shards.schema import SHARD_SCHEMA
from shards.segment import MAX_JSON_BYTES
from shards.tar import BLOCK, END_OF_ARCHIVE, headers

WINDOW_BYTES = 16 << 20
_BAD_VALUES = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)
"""What values that no build writes may raise, besides the errors of Arrow and DuckDB."""
_UNREADABLE = (tarfile.TarError, OSError, EOFError, *_BAD_VALUES)


def shard_defects(
    directory: Path, tar: FileEntry, members: list[str], labels: Labels | None
) -> Iterator[str]:
    """The defects of a shard whose two files have the bytes that the manifest names.

    `members` are the extensions that every sample has; without `labels` class indexes are not
    checked.
    """
    metadata = metadata_path(tar.path)
    try:
        rows = _read_rows(directory / metadata, tar)
        if isinstance(rows, str):
            yield f"{metadata}: {rows}"
            return
        if not _is_described(directory / tar.path, rows, tar, members, labels):
            yield from _explained(directory, tar, rows, members, labels)
    except (pa.ArrowException, duckdb.Error, *_UNREADABLE) as error:
        problem = (str(error) or type(error).__name__).splitlines()[0]
        yield f"{metadata}: not readable as Parquet ({problem})"


def _read_rows(path: Path, tar: FileEntry) -> pa.Table | str:
    """The rows, or what is wrong with them as a whole."""
    with pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(SHARD_SCHEMA):
            return "its columns are not those of the format"
        # A sample has two members, each with a header and content: more rows are a trap.
        if file.metadata.num_rows > max(tar.samples, tar.bytes // (3 * BLOCK)):
            return f"{file.metadata.num_rows} rows, but the manifest says {tar.samples}"
        return file.read()


def _is_described(
    path: Path, rows: pa.Table, tar: FileEntry, members: list[str], labels: Labels | None
) -> bool:
    """Whether rows and tar are exactly what a build writes."""
    if not 0 < rows.num_rows == tar.samples or not _are_consistent(rows, tar, labels):
        return False
    try:
        arrangement = arrange(rows)
        original = arrangement.original
        places = [arrangement.image.start + BLOCK, arrangement.image.size]
        places += [original.start + BLOCK, original.size] if original else []
        names = ["tar_offset", "tar_size", "original_offset", "original_size"]
        stated = [np.array(rows[name].to_pylist()) for name in names[: len(places)]]
        if not all(map(np.array_equal, places, stated)):
            return False
        if list(arrangement.kind.members) != members or arrangement.size != tar.bytes:
            return False
        with open(path, "rb") as file:
            return (
                all(
                    _window_is_described(
                        file.read(window.end - window.start), window, arrangement, rows
                    )
                    for window in arrangement.windows(WINDOW_BYTES)
                )
                and file.read() == END_OF_ARCHIVE
            )
    except (pa.ArrowException, duckdb.Error, *_BAD_VALUES):
        return False


def _are_consistent(rows: pa.Table, tar: FileEntry, labels: Labels | None) -> bool:
    """Whether keys are keys, and places, splits and class indexes what they must be."""
    split = Path(tar.path).stem.rpartition("-")[0]
    checks = [
        pc.match_substring_regex(rows["key"], f"^(?:{KEY_PATTERN.pattern})$"),
        pc.equal(rows["tar"], tar.path),
        pc.equal(rows["split"], split),
    ]
    if labels is not None:
        codes = [label.code for label in labels.countries]
        regions = [label.id for label in labels.regions]
        for value, index, classes in (
            ("country_code", "country_index", codes),
            ("region_id", "region_index", regions),
        ):
            found = pc.index_in(rows[value], pa.array(classes, pa.string()))
            checks.append(pc.equal(pc.fill_null(found, UNKNOWN_INDEX), rows[index]))
    return all(pc.all(pc.fill_null(check, False)).as_py() for check in checks)


def _window_is_described(
    data: bytes, window: Window, arrangement: Arrangement, rows: pa.Table
) -> bool:
    if len(data) != window.end - window.start:
        return False
    here = slice(window.first, window.last)
    buffer = np.frombuffer(data, np.uint8)
    blocks = buffer.reshape(-1, BLOCK)
    within = np.arange(BLOCK)
    for place in arrangement.places:
        begin = (place.start[here] - window.start) // BLOCK
        size = place.size[here]
        names = [f"{key}.{place.extension}" for key in arrangement.keys[here]]
        if (blocks[begin] != headers(names, size)).any():
            return False
        last, used = begin + -(-size // BLOCK), (size - 1) % BLOCK + 1
        if blocks[last][(within >= used[:, None]) & (size > 0)[:, None]].any():
            return False
        contents = [
            data[start : start + length]
            for start, length in zip(((begin + 1) * BLOCK).tolist(), size.tolist(), strict=True)
        ]
        if place.extension == JSON:
            if contents != arrangement.records[here]:
                return False
        elif place is arrangement.original:
            hashes = rows["sha256"].slice(window.first, len(contents)).to_pylist()
            if [hashlib.sha256(content).hexdigest() for content in contents] != hashes:
                return False
    return True


def _explained(
    directory: Path, tar: FileEntry, table: pa.Table, members: list[str], labels: Labels | None
) -> Iterator[str]:
    """What is wrong with a shard that is not as described."""
    metadata = metadata_path(tar.path)
    if table.num_rows != tar.samples:
        yield f"{metadata}: {table.num_rows} rows, but the manifest says {tar.samples}"
    rows = iter(table.append_column("record", [sample_records(table)]).to_pylist())
    found = defects = 0
    try:
        for key, parts, record in _samples(directory / tar.path):
            found += 1
            row = next(rows, None)
            defect = _sample_defect(tar.path, key, members, parts, record, row, labels)
            if defect:
                defects += 1
                yield f"{tar.path}: {defect}"
    except _UNREADABLE as error:
        yield f"{tar.path}: not readable as a tar ({error})"
        return
    if found != tar.samples:
        yield f"{tar.path}: {found} samples, but the manifest says {tar.samples}"
        defects += 1
    for row in rows:
        yield f"{metadata}: key {row['key']} is not in {tar.path}"
        defects += 1
    if not defects and table.num_rows == tar.samples:
        yield f"{tar.path}: its headers, padding or originals are not as a build writes them"


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
            if extension == JSON and member.isreg() and member.size <= MAX_JSON_BYTES:
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
    labels: Labels | None,
) -> str:
    """What is wrong with one sample, or the empty text."""
    if list(members) != expected or not all(m.isreg() for m in members.values()):
        wanted = " and ".join(expected)
        return f"sample {key} has the members {list(members)} instead of {wanted}"
    if row is None:
        return f"key {key} is not in its metadata"
    if row["key"] != key:
        return f"key {key} stands where its metadata has {row['key']}"
    if KEY_PATTERN.fullmatch(key) is None:
        return f"key {key} is not 1 to 64 letters, digits, '_' and '-'"
    image = members[expected[0]]
    if (row["tar"], row["tar_offset"], row["tar_size"]) != (tar, image.offset_data, image.size):
        return f"the image of {key} is not where its metadata says"
    if _original_place(row, members, image) != (row["original_offset"], row["original_size"]):
        return f"the original of {key} is not where its metadata says"
    if record != row["record"]:
        return f"the JSON of {key} does not say what its metadata says"
    if row["split"] != Path(tar).stem.rpartition("-")[0]:
        return f"sample {key} belongs to the split {row['split']}"
    return "" if labels is None else _class_defect(key, row, labels)


def _class_defect(key: str, row: dict[str, Any], labels: Labels) -> str:
    classes = {
        "country_code": {label.code: label.index for label in labels.countries},
        "region_id": {label.id: label.index for label in labels.regions},
    }
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
