"""Columns read by ranges are those of the file, and only their bytes are read."""

import asyncio
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.errors import WorkError
from shards.fetch.columns import open_table
from shards.fetch.source import LocalSource

TABLE = pa.table(
    {
        "number": list(range(5_000)),
        "text": [f"text {number % 7}" for number in range(5_000)],
        "long": [f"{number:0>60}" for number in range(5_000)],
        "empty": pa.nulls(5_000, pa.string()),
    }
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(TABLE, path, row_group_size=1_000, compression="zstd")
    return path


def read(path: Path, names: list[str], guess: int) -> tuple[pa.Table, LocalSource]:
    source, size = LocalSource(path.parent), path.stat().st_size

    async def work() -> pa.Table:
        table = await open_table(source, path.name, size, guess)
        assert table.rows == 5_000
        assert table.bounds("number") == (0, 4_999)
        assert table.bounds("empty") is None
        return await table.columns(names)

    return asyncio.run(work()), source


@pytest.mark.parametrize("guess", [8, 100, 1 << 20])
@pytest.mark.parametrize("names", [["text"], ["number", "empty"], ["long", "number"]])
def test_columns(file: Path, names: list[str], guess: int) -> None:
    table, _ = read(file, names, guess)
    assert table.equals(TABLE.select(names))


def test_only_the_bytes_of_the_columns(file: Path) -> None:
    _, source = read(file, ["text"], 8)
    metadata = pq.read_metadata(file)
    column = sum(metadata.row_group(n).column(1).total_compressed_size for n in range(5))
    assert source.transferred == column + metadata.serialized_size + 8


@pytest.mark.parametrize("damage", ["cut", "text", "footer"])
def test_damaged_files(file: Path, damage: str) -> None:
    data = file.read_bytes()
    if damage == "footer":
        start = len(data) - pq.read_metadata(file).serialized_size
        data = data[:start] + bytes(100) + data[start + 100 :]
    file.write_bytes({"cut": data[:-20], "text": b"x" * 500}.get(damage, data))
    with pytest.raises(WorkError, match="run `lostfound verify`"):
        read(file, ["text"], 100)
