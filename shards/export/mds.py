"""MosaicML Streaming, version 2: `<split>/shard.NNNNN.mds` and `<split>/index.json`.

A shard is the number of its samples and the offsets of them and of the end (uint32, little-endian),
the columns as JSON, and the samples: the sizes of the columns that have no fixed one, then all
values in the order of the columns' names. Images are the stored bytes.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shards.atomic import atomic_file, write_json
from shards.errors import UsageError
from shards.export.task import ExportTask
from shards.read import Sample, iterate_samples
from shards.sample import SAMPLE_FIELDS

INDEX_NAME = "index.json"
_ENCODING: dict[type, tuple[str, int | None]] = {
    str: ("str", None),
    float: ("float64", 8),
    int: ("int", 8),
}
_IMAGES = {"jpg": "jpeg", "png": "png"}
_MAX_BYTES = 2**32 - 1


class Mds:
    """`--format mds`."""

    name = "mds"
    lists_failed = False

    def check(self, tasks: Sequence[ExportTask]) -> None:
        for task in tasks:
            if task.tar.bytes > _MAX_BYTES:
                raise UsageError(
                    f"{task.directory / task.tar.path}: {task.tar.bytes} bytes, but an MDS shard"
                    f" has at most {_MAX_BYTES}; build with a smaller --shard-size"
                )

    def files(self, task: ExportTask) -> list[str]:
        return [f"{task.split}/{_basename(task)}"]

    def write(self, task: ExportTask) -> None:
        config = json.dumps(_config(task.image), sort_keys=True).encode()
        sizes = np.fromiter((len(data) for data in _samples(task)), np.uint64)
        first = 4 + 4 * (len(sizes) + 1) + len(config)
        offsets = first + np.concatenate([[0], sizes.cumsum()]).astype(np.uint64)
        with atomic_file(task.out / self.files(task)[0]) as file:
            file.write(struct.pack("<I", len(sizes)))
            file.write(offsets.astype("<u4").tobytes())
            file.write(config)
            for data in _samples(task):
                file.write(data)

    def finish(self, out: Path, tasks: Sequence[ExportTask]) -> list[str]:
        written = []
        for split in sorted({task.split for task in tasks}):
            shards = [_entry(out, task) for task in tasks if task.split == split]
            write_json(out / split / INDEX_NAME, {"version": 2, "shards": shards})
            written.append(f"{split}/{INDEX_NAME}")
        return written


def _basename(task: ExportTask) -> str:
    return f"shard.{task.number:05d}.mds"


def _columns(image: str) -> dict[str, tuple[str, int | None]]:
    columns = {name: _ENCODING[kind] for name, kind in SAMPLE_FIELDS.items()}
    columns["image"] = (_IMAGES.get(image, "bytes"), None)
    return dict(sorted(columns.items()))


def _config(image: str) -> dict[str, Any]:
    columns = _columns(image)
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": None,
        "column_names": list(columns),
        "column_encodings": [encoding for encoding, _ in columns.values()],
        "column_sizes": [size for _, size in columns.values()],
    }


def _entry(out: Path, task: ExportTask) -> dict[str, Any]:
    file = out / task.split / _basename(task)
    raw = {"basename": file.name, "bytes": file.stat().st_size, "hashes": {}}
    return {**_config(task.image), "samples": task.tar.samples, "raw_data": raw, "zip_data": None}


def _samples(task: ExportTask) -> Iterator[bytes]:
    names = list(_columns(task.image))
    for sample in iterate_samples(task.directory / task.tar.path):
        yield _encoded(names, sample)


def _encoded(names: Sequence[str], sample: Sample) -> bytes:
    values = [
        sample.image if name == "image" else _value(SAMPLE_FIELDS[name], sample.record[name])
        for name in names
    ]
    fixed = [name != "image" and SAMPLE_FIELDS[name] is not str for name in names]
    sizes = [len(value) for value, size in zip(values, fixed, strict=True) if not size]
    return struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(values)


def _value(kind: type, value: Any) -> bytes:
    if kind is str:
        return str(value).encode()
    return struct.pack("<d" if kind is float else "<q", value)
