"""MDS, read back by a reader written from the format's description alone."""

import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import UsageError
from shards.export.mds import Mds
from shards.export.run import export
from shards.export.task import ExportTask
from shards.manifest import FileEntry
from shards.read import iterate_samples
from tests.shards.datasets import make_dataset

_DECODE = {
    "str": bytes.decode,
    "int": lambda data: struct.unpack("<q", data)[0],
    "float64": lambda data: struct.unpack("<d", data)[0],
    "jpeg": bytes,
}


def read(folder: Path) -> Iterator[dict[str, Any]]:
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    for shard in index["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        [count] = struct.unpack_from("<I", data)
        assert count == shard["samples"]
        offsets = struct.unpack_from(f"<{count + 1}I", data, 4)
        config = json.loads(data[4 + 4 * (count + 1) : offsets[0]])
        assert config == {name: shard[name] for name in config}
        assert offsets[-1] == len(data)
        for start, end in itertools.pairwise(offsets):
            yield sample(data[start:end], shard)


def sample(data: bytes, shard: dict[str, Any]) -> dict[str, Any]:
    sizes = []
    position = 0
    for size in shard["column_sizes"]:
        if size is None:
            [size] = struct.unpack_from("<I", data, position)
            position += 4
        sizes.append(size)
    values = {}
    columns = zip(shard["column_names"], shard["column_encodings"], sizes, strict=True)
    for name, encoding, size in columns:
        values[name] = _DECODE[encoding](data[position : position + size])
        position += size
    assert position == len(data)
    return values


def test_read_back(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "data", 30)
    shards = Path(build_shards(layout, "main", BuildOptions(shard_bytes=60_000)).path)
    export(shards, "mds", tmp_path / "out")
    for split in ("train", "validation", "test"):
        expected = [
            {**sample.record, "image": sample.image}
            for tar in sorted(shards.glob(f"data/{split}-*.tar"))
            for sample in iterate_samples(tar)
        ]
        assert list(read(tmp_path / "out" / split)) == expected
        assert expected


def test_too_large_for_its_offsets(tmp_path: Path) -> None:
    tar = FileEntry(path="data/train-000000.tar", bytes=2**32, sha256="0", samples=1)
    task = ExportTask(tmp_path, tmp_path, tar, "train", 0, "jpg", 1)
    with pytest.raises(UsageError, match="smaller --shard-size"):
        Mds().check([task])
