"""img2dataset's layout: tars that webdataset reads, tables with the failed rows, statistics."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import webdataset

from shards.build import BuildOptions, build_shards
from shards.export.run import export
from tests.shards.datasets import make_dataset, metadata_row, write_duplicates

GOOD = [metadata_row(number) for number in range(20)]
BAD = [
    metadata_row(30, status="rejected", reason="blurry", detail="variance 3 of 10"),
    metadata_row(31, status="rejected", reason="opted_out"),
    metadata_row(32, status="rejected", reason="no_position"),
]


def test_samples_failed_rows_and_statistics(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "data", [*GOOD, *BAD])
    build_shards(layout, "main", BuildOptions(shard_bytes=60_000))
    summary = export(layout.root, "img2dataset", tmp_path / "out")
    assert (summary.samples, summary.failed) == (20, 2)
    counts = {"success": 0, "failed_to_resize": 0}
    keys: dict[str, str] = {}
    for table_path in sorted(tmp_path.glob("out/*/*.parquet")):
        table = pq.read_table(table_path).to_pylist()
        stats = json.loads(table_path.with_name(f"{table_path.stem}_stats.json").read_text())
        assert stats["count"] == len(table)
        tar = webdataset.WebDataset(
            str(table_path.with_suffix(".tar")), shardshuffle=False, empty_check=False
        )
        samples = {sample["__key__"]: sample for sample in tar}
        successes = [row for row in table if row["status"] == "success"]
        assert [row["key"] for row in successes] == list(samples)
        assert stats["successes"] == stats["status_dict"]["success"] == len(successes)
        for row in successes:
            record = json.loads(samples[row["key"]]["json"])
            assert record["source_key"] == row["source_key"]
            assert record["sha256"] == row["sha256"]
            assert samples[row["key"]]["jpg"].startswith(b"\xff\xd8")
            assert row["key"].startswith(table_path.stem)
        for row in table:
            counts[row["status"]] += 1
            keys[f"{table_path.parent.name}/{row['key']}"] = row["source_key"]
            if row["source_key"] == "file-000030":
                assert row["error_message"] == "blurry: variance 3 of 10"
    assert counts == {"success": 20, "failed_to_resize": 2}
    assert sorted(keys.values()) == sorted(str(row["key"]) for row in [*GOOD, BAD[0], BAD[2]])


def test_duplicates_are_failed_rows(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "data", GOOD)
    build_shards(layout, "main")
    [row] = (row for row in pq.read_table(layout.parts()[0]).to_pylist()[:1])
    identity = {name: row[name] for name in ("raw_segment", "raw_offset", "view", "key")}
    write_duplicates(layout, [identity | {"reason": "duplicate_view", "duplicate_of": "x"}])
    assert export(layout.root, "img2dataset", tmp_path / "out").failed == 1


def test_of_a_shard_directory_there_are_no_failed_rows(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "data", [*GOOD, *BAD])
    shards = build_shards(layout, "main").path
    assert export(Path(shards), "img2dataset", tmp_path / "out").failed == 0
