"""What a report reads from manifests."""

from pathlib import Path

from queries.report.built import read_shard_sets
from shards.build import BuildOptions, build_shards
from tests.shards.datasets import make_dataset


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 40)
    build_shards(layout, "main", BuildOptions(shard_bytes=20_000), workers=1)
    sets, problems = read_shard_sets(tmp_path / "shards")
    assert problems == []
    for found in sets:
        folder = tmp_path / "shards" / found.name
        for split in found.splits:
            tars = list(folder.glob(f"data/{split.split}-*.tar"))
            assert split.shards == len(tars)
            assert split.bytes == sum(tar.stat().st_size for tar in tars)
        assert found.bytes == sum(
            path.stat().st_size
            for path in folder.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        )
    assert sum(split.samples for found in sets for split in found.splits) == 40


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text("{}")
    sets, problems = read_shard_sets(tmp_path)
    assert sets == []
    assert len(problems) == 1
    assert problems[0].startswith("shards/bad: not a manifest")
