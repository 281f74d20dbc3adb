"""Where things stand, and that names cannot lead elsewhere."""

from pathlib import Path

import pytest

from shards.errors import UsageError
from shards.layout import DatasetLayout


def test_parts_mirror_segments(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    segment = layout.raw_source("game") / "w0-000003.tar"
    assert layout.relative(layout.part_tar(segment)) == "enriched/game/w0-000003.tar"
    assert layout.relative(layout.part_rows(segment)) == "enriched/game/w0-000003.parquet"


def test_only_sealed_segments_and_finished_parts_are_listed(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    for name in ("raw/b/w-000000.tar", "raw/a/w-000000.tar", "raw/a/w-000001.open.tar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("enriched/a/w-000000.parquet", "enriched/a/.tmp-1-w-000001.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [layout.relative(p) for p in layout.sealed_segments()] == [
        "raw/a/w-000000.tar",
        "raw/b/w-000000.tar",
    ]
    assert [layout.relative(p) for p in layout.parts()] == ["enriched/a/w-000000.parquet"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.b", "/etc", "a" * 65])
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="use 1 to 64"):
        DatasetLayout(tmp_path).selection(name)


def test_a_missing_dataset_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such dataset directory"):
        DatasetLayout.existing(tmp_path / "none")
