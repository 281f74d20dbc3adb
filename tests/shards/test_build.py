"""Same selection, same bytes: for any number of workers, after interruption and after damage."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shards import writer
from shards.build import BuildOptions, build_shards
from shards.errors import UsageError, WorkError
from shards.keys import order_hash
from shards.layout import DatasetLayout
from shards.manifest import FileEntry
from shards.read import iterate_samples, read_range
from shards.verify import verify_shards
from tests.shards.datasets import (
    SEED,
    edit_json,
    make_dataset,
    metadata_row,
    picture,
    snapshot,
    write_duplicates,
    write_selection,
)

SMALL = BuildOptions(shard_bytes=40_000)


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    return make_dataset(tmp_path / "data set")


def test_images_are_bit_exact_and_found_by_their_offsets(dataset: DatasetLayout) -> None:
    summary = build_shards(dataset, "main", SMALL)
    root = dataset.shards("main")
    assert (summary.samples, summary.shards, summary.written) == (40, 10, 10)
    assert summary.splits == {"test": 4, "train": 28, "validation": 8}
    rows = [r for path in sorted(root.glob("metadata/*")) for r in pq.read_table(path).to_pylist()]
    samples = [s for path in sorted(root.glob("data/*")) for s in iterate_samples(path)]
    assert len(rows) == 40
    for row, sample in zip(rows, samples, strict=True):
        assert sample.key == row["key"] == sample.record["key"]
        assert sample.image == picture(row["phash"])
        assert read_range(root / row["tar"], row["tar_offset"], row["tar_size"]) == sample.image
        assert sample.record["country_index"] == row["country_index"]
    train = [row["key"] for row in rows if row["split"] == "train"]
    assert train == sorted(train, key=lambda key: order_hash(SEED, key))
    assert all(path.stat().st_size <= 40_000 for path in root.glob("data/*"))


def test_two_workers_write_the_same_bytes(
    ray_cluster: None, dataset: DatasetLayout, tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", parts=5)
    build_shards(dataset, "main", SMALL, workers=1)
    build_shards(make_dataset(tmp_path / "two"), "main", SMALL, workers=2)
    one = snapshot(dataset.shards("main"))
    assert snapshot(DatasetLayout(tmp_path / "two").shards("main")) == one
    # Other parts change where rows come from, and nothing else.
    build_shards(other, "main", SMALL)
    tars = {name: data for name, data in one.items() if name.endswith(".tar")}
    assert tars.items() <= snapshot(other.shards("main")).items()


def test_an_interrupted_build_is_continued(
    dataset: DatasetLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = make_dataset(tmp_path / "reference")
    build_shards(reference, "main", SMALL)
    write_tar, calls = writer._write_tar, []

    def interrupted(task: writer.ShardTask, *rest: Any) -> FileEntry:
        calls.append(task)
        if len(calls) == 4:
            data = dataset.root / task.staging / "data"
            (data / ".tmp-0badcafe-x.tar").write_bytes(b"left behind")
            raise KeyboardInterrupt
        return write_tar(task, *rest)

    monkeypatch.setattr(writer, "_write_tar", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_shards(dataset, "main", SMALL)
    assert not (dataset.shards("main") / "manifest.json").exists()
    monkeypatch.undo()
    assert build_shards(dataset, "main", SMALL).written == 10 - 3
    assert snapshot(dataset.shards("main")) == snapshot(reference.shards("main"))


def test_a_second_build_writes_nothing_and_a_damaged_shard_again(dataset: DatasetLayout) -> None:
    build_shards(dataset, "main", SMALL)
    root = dataset.shards("main")
    before = snapshot(root)
    assert build_shards(dataset, "main", SMALL).written == 0
    flip(root / "data" / "train-000001.tar", 900)
    (root / "metadata" / "train-000000.parquet").write_bytes(b"PAR1")
    (root / "data" / "test-000000.tar").unlink()
    assert build_shards(dataset, "main", SMALL).written == 3
    assert snapshot(root) == before


def test_shards_of_an_earlier_selection_go(dataset: DatasetLayout, tmp_path: Path) -> None:
    build_shards(dataset, "main", SMALL)
    rows = [metadata_row(number) for number in range(0, 40, 3)]
    write_selection(dataset, "main", rows)
    build_shards(dataset, "main", SMALL)
    fresh = make_dataset(tmp_path / "fresh")
    write_selection(fresh, "main", rows)
    build_shards(fresh, "main", SMALL)
    assert snapshot(dataset.shards("main")) == snapshot(fresh.shards("main"))
    assert verify_shards(dataset.shards("main")).defects == []


def test_rows_with_gaps_make_samples_without_nulls(tmp_path: Path) -> None:
    gaps = {"lat": None, "lon": None, "region_id": None, "region_name": None, "captured_at": None}
    rows = [metadata_row(n, **(gaps if n % 2 else {})) for n in range(20)]
    layout = make_dataset(tmp_path, rows)
    build_shards(layout, "main")
    root = layout.shards("main")
    assert verify_shards(root).defects == []
    for path in root.glob("data/*.tar"):
        for sample in iterate_samples(path):
            assert None not in sample.record.values()
            assert (sample.record["lat"] == -999.0) == (sample.record["region_index"] == -1)


def test_rejected_rows_and_duplicates_are_not_there(tmp_path: Path) -> None:
    rows = [metadata_row(n) for n in range(12)]
    rows[3] |= {"status": "rejected", "reason": "blurry"}
    layout = make_dataset(tmp_path, rows)
    build_shards(layout, "main")
    keys = {s.key for p in layout.shards("main").glob("data/*") for s in iterate_samples(p)}
    assert keys == {row["key"] for row in rows} - {rows[3]["key"]}
    duplicate = {
        "raw_segment": "raw/file/test-000000.tar",
        "raw_offset": rows[0]["raw_offset"],
        "view": rows[0]["view"],
        "key": rows[0]["key"],
        "reason": "duplicate_view",
        "duplicate_of": rows[2]["key"],
    }
    write_duplicates(layout, [duplicate])
    with pytest.raises(WorkError, match=r"1 of its keys are not kept rows \(first: file-000000\)"):
        build_shards(layout, "main")


def test_a_key_kept_twice_is_refused(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, [metadata_row(1), metadata_row(1)])
    with pytest.raises(WorkError, match="stand in several kept rows"):
        build_shards(layout, "main")


def test_a_selection_older_than_its_rows_is_refused(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 10)
    rows = [metadata_row(number, region_id="XXX-1") for number in range(10)]
    write_selection(layout, "main", rows)
    with pytest.raises(WorkError, match="10 of its keys have another country or region now"):
        build_shards(layout, "main")


def test_an_unknown_selection_names_those_there_are(dataset: DatasetLayout) -> None:
    with pytest.raises(UsageError, match="no selection 'mian'; there are: main"):
        build_shards(dataset, "mian")


def test_an_empty_selection_is_refused(dataset: DatasetLayout) -> None:
    write_selection(dataset, "none", [])
    with pytest.raises(WorkError, match="the selection is empty"):
        build_shards(dataset, "none")


def test_a_damaged_selection_is_one_line(dataset: DatasetLayout) -> None:
    edit_json(dataset.selection("main") / "selection.json", labels={"countries": 3})
    with pytest.raises(WorkError, match="not a label table"):
        build_shards(dataset, "main")
    (dataset.selection("main") / "selection.json").write_text("{")
    with pytest.raises(WorkError, match="not a selection's record"):
        build_shards(dataset, "main")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("damage", ["header", "start", "end", "truncated", "missing"])
def test_a_damaged_enriched_tar_is_one_line_and_nothing_half_written(
    ray_cluster: None, tmp_path: Path, damage: str, workers: int
) -> None:
    layout = make_dataset(tmp_path, 20)
    tar = layout.enriched / "file" / "test-000001.tar"
    row = pq.read_table(tar.with_suffix(".parquet")).to_pylist()[2]
    if damage == "header":
        flip(tar, row["tar_offset"] - 512)
    elif damage == "start":
        flip(tar, row["tar_offset"])
    elif damage == "end":
        flip(tar, row["tar_offset"] + row["tar_size"] - 1)
    elif damage == "truncated":
        tar.write_bytes(tar.read_bytes()[: row["tar_offset"] + 100])
    else:
        tar.unlink()
    with pytest.raises(WorkError, match=r"test-000001\.tar") as error:
        build_shards(layout, "main", SMALL, workers=workers)
    assert "\n" not in str(error.value)
    left = snapshot(layout.shards("main"))
    assert "manifest.json" not in left
    assert not [name for name in left if ".tmp-" in name] or workers > 1


def test_rows_cannot_point_outside_the_dataset(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 6, parts=1)
    path = layout.parts()[0]
    table = pq.read_table(path)
    rows = [row | {"tar": "../outside.tar"} for row in table.to_pylist()]
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    with pytest.raises(WorkError, match="outside of it"):
        build_shards(layout, "main")


def test_a_useless_shard_size_is_refused(dataset: DatasetLayout) -> None:
    with pytest.raises(UsageError, match="use at least 4096"):
        build_shards(dataset, "main", BuildOptions(shard_bytes=10))


def test_the_manifest_tells_how_it_was_made(dataset: DatasetLayout) -> None:
    build_shards(dataset, "main", SMALL)
    manifest = json.loads((dataset.shards("main") / "manifest.json").read_text())
    assert manifest["selection"]["seed"] == SEED
    assert manifest["options"] == {"shard_bytes": 40_000, "mix_licences": False}
    assert manifest["splits"] == {"test": 4, "train": 28, "validation": 8}
    assert manifest["columns"][0] == {"name": "key", "type": "string"}
    assert len(manifest["files"]) == 10 + 10 + 5


def test_members_are_adjacent_and_alike(dataset: DatasetLayout) -> None:
    build_shards(dataset, "main")
    with tarfile.open(dataset.shards("main") / "data" / "train-000000.tar") as tar:
        names = tar.getnames()
    assert [name.partition(".")[2] for name in names] == ["jpg", "json"] * 28
    assert [n.partition(".")[0] for n in names[::2]] == [n.partition(".")[0] for n in names[1::2]]


def flip(path: Path, offset: int) -> None:
    """Flips one bit."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)
