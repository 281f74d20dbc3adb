"""Unlicensed samples are refused; share-alike ones stand apart, with the same labels and splits."""

import json
from pathlib import Path
from typing import Any

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.manifest import load_manifest
from shards.read import iterate_samples
from shards.verify import verify_shards
from tests.shards.datasets import (
    edit_json,
    make_dataset,
    metadata_row,
    snapshot,
    split_of,
    write_selection,
)

SMALL = BuildOptions(shard_bytes=40_000)


def mixed(root: Path, count: int = 30) -> DatasetLayout:
    """Every third sample is under CC BY."""
    return make_dataset(root, rows(count))


def rows(count: int) -> list[dict[str, Any]]:
    return [metadata_row(n, **({} if n % 3 else {"license": "CC-BY-4.0"})) for n in range(count)]


def keys(directory: Path) -> dict[str, str]:
    """The licence of each sample by its key."""
    samples = [s for path in directory.glob("data/*") for s in iterate_samples(path)]
    assert all(s.record["split"] == split_of(int(s.key.removeprefix("file-"))) for s in samples)
    return {sample.key: sample.record["license"] for sample in samples}


def test_share_alike_samples_stand_apart(tmp_path: Path) -> None:
    layout = mixed(tmp_path)
    summary = build_shards(layout, "main", SMALL)
    main, apart = layout.shards("main"), layout.shards("main-share-alike")
    assert (summary.path, summary.share_alike_path) == (str(main), str(apart))
    assert (summary.samples, summary.share_alike_samples) == (30, 20)
    assert set(keys(main).values()) == {"CC-BY-4.0"}
    assert set(keys(apart).values()) == {"CC-BY-SA-4.0"}
    assert len(keys(main) | keys(apart)) == 30
    assert (main / "labels.json").read_bytes() == (apart / "labels.json").read_bytes()
    assert [load_manifest(one).name for one in (main, apart)] == ["main", "main-share-alike"]
    assert verify_shards(main).defects == verify_shards(apart).defects == []


def test_one_family_has_one_set(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 10)
    assert build_shards(layout, "main", SMALL).share_alike_path is None
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["main"]


def test_licences_may_be_mixed_and_the_earlier_set_goes(tmp_path: Path) -> None:
    layout = mixed(tmp_path / "first")
    build_shards(layout, "main", SMALL)
    (layout.shards("main-share-alike") / "notes.txt").write_text("mine")
    build_shards(layout, "main", BuildOptions(40_000, mix_licences=True))
    other = mixed(tmp_path / "second")
    build_shards(other, "main", BuildOptions(40_000, mix_licences=True))
    assert snapshot(layout.shards("main")) == snapshot(other.shards("main"))
    assert snapshot(layout.shards("main-share-alike")) == {"notes.txt": b"mine"}


def test_sets_of_another_selection_are_not_touched(tmp_path: Path) -> None:
    layout = mixed(tmp_path)
    write_selection(layout, "main-share-alike", rows(10)[1:3])
    build_shards(layout, "main-share-alike", SMALL)
    before = snapshot(layout.shards("main-share-alike"))
    with pytest.raises(UsageError, match="was built from the selection 'main-share-alike'"):
        build_shards(layout, "main", SMALL)
    assert not layout.shards("main").exists()
    build_shards(layout, "main", BuildOptions(40_000, mix_licences=True))
    assert snapshot(layout.shards("main-share-alike")) == before
    build_shards(layout, "main", BuildOptions(50_000, mix_licences=True))


@pytest.mark.parametrize("gap", [{"license": None}, {"attribution": " "}])
def test_unlicensed_samples_are_refused(tmp_path: Path, gap: dict[str, Any]) -> None:
    layout = make_dataset(tmp_path, [metadata_row(n, **(gap if n == 4 else {})) for n in range(8)])
    with pytest.raises(UsageError, match=r"1 of its samples state no .* \(first: file-000004\)"):
        build_shards(layout, "main")
    assert not layout.shards("main").exists()
    options = BuildOptions(mix_licences=True, allow_unlicensed=True)
    assert build_shards(layout, "main", options).samples == 8
    record = layout.selection("main") / "selection.json"
    edit_json(
        record, options=json.loads(record.read_text())["options"] | {"allow_unlicensed": True}
    )
    assert build_shards(layout, "main").samples == 8
