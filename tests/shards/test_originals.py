"""Captured bytes beside the images or in place of them: from `enrich` to the real readers."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml

from enrich.options import EnrichOptions, KeepOriginal
from enrich.pipeline import enrich_segment
from shards.build import BuildOptions, build_shards
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.manifest import load_manifest
from shards.members import Kept, Kind, common_kind
from shards.read import iterate_samples, read_range
from shards.schema import METADATA_SCHEMA
from shards.verify import verify_shards
from tests.enrich.samples import capture, encoded, picture, write_segment
from tests.shards.datasets import edit_json, snapshot, write_selection

SOME = BuildOptions(shard_bytes=200_000)
RIGHTS = {"license": "CC0-1.0", "attribution": "somebody"}
CAPTURED = {
    f"test-{n}": encoded(picture(n, 400 + n, 250), "png" if n in (3, 7) else "jpg")
    for n in range(12)
}


def dataset(root: Path, keep: KeepOriginal, keys: list[str] | None = None) -> DatasetLayout:
    layout = DatasetLayout(root)
    names = keys or list(CAPTURED)
    captures = [
        (
            capture(key, **RIGHTS),
            CAPTURED[key],
            "png" if CAPTURED[key].startswith(b"\x89") else "jpg",
        )
        for key in names
    ]
    add_part(layout, "w-000000", captures, keep)
    select(layout)
    return layout


def add_part(layout: DatasetLayout, name: str, captures: list[Any], keep: KeepOriginal) -> None:
    segment = write_segment(layout, name, captures)
    enrich_segment(layout, segment, EnrichOptions(width=64, height=36, keep_original=keep))


def select(layout: DatasetLayout, condition: Any = lambda row: True) -> None:
    rows = [row for part in layout.parts() for row in pq.read_table(part).to_pylist()]
    rows = [row for row in rows if row["status"] == "kept" and condition(row)]
    # The helper splits by this number.
    write_selection(layout, "main", [row | {"phash": n} for n, row in enumerate(rows)])


def metadata(shards: Path) -> list[dict[str, Any]]:
    tables = [pq.read_table(path) for path in sorted(shards.glob("metadata/*.parquet"))]
    return list(pa.concat_tables(tables).to_pylist())


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = dataset(tmp_path_factory.mktemp("beside"), KeepOriginal.BESIDE)
    build_shards(layout, "main", SOME)
    return layout.shards("main")


@pytest.fixture(scope="module")
def instead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keys = [key for key, data in CAPTURED.items() if data.startswith(b"\xff\xd8")]
    layout = dataset(tmp_path_factory.mktemp("instead"), KeepOriginal.INSTEAD, keys)
    build_shards(layout, "main", SOME)
    return layout.shards("main")


def test_beside(beside: Path) -> None:
    assert load_manifest(beside).members == ["jpg", "json", "original"]
    assert verify_shards(beside).defects == []
    samples = [one for tar in beside.glob("data/*.tar") for one in iterate_samples(tar)]
    assert {one.key: one.original for one in samples} == CAPTURED
    for one in samples:
        assert cv2.imdecode(np.frombuffer(one.image, np.uint8), 1).shape == (36, 64, 3)
    for row in metadata(beside):
        found = read_range(beside / row["tar"], row["original_offset"], row["original_size"])
        assert found == CAPTURED[row["key"]]
        assert (row["width"], row["height"]) == (64, 36)


def test_instead(instead: Path) -> None:
    assert load_manifest(instead).members == ["jpg", "json"]
    assert verify_shards(instead).defects == []
    samples = [one for tar in instead.glob("data/*.tar") for one in iterate_samples(tar)]
    assert len(samples) == 10
    for one in samples:
        assert one.image == CAPTURED[one.key]
        assert hashlib.sha256(one.image).hexdigest() == one.record["sha256"]
    for row in metadata(instead):
        number = int(row["key"].removeprefix("test-"))
        assert (row["width"], row["height"]) == (400 + number, 250)
        assert (row["original_offset"], row["original_size"]) == (
            row["tar_offset"],
            row["tar_size"],
        )


def test_scores_are_those_at_the_working_size(tmp_path: Path) -> None:
    scores = {}
    for keep in KeepOriginal:
        layout = dataset(tmp_path / keep, keep)
        (part,) = layout.parts()
        columns = ["key", "phash", "rgb_variance", "laplacian_variance", "sha256", "status"]
        scores[keep] = pq.read_table(part, columns=columns)
    assert scores[KeepOriginal.NONE].equals(scores[KeepOriginal.BESIDE])
    assert scores[KeepOriginal.NONE].equals(scores[KeepOriginal.INSTEAD])


def test_webdataset(beside: Path, instead: Path) -> None:
    for shards in (beside, instead):
        urls = [str(path) for path in sorted(shards.glob("data/*.tar"))]
        found = {one["__key__"]: one for one in webdataset.WebDataset(urls, shardshuffle=False)}
        assert set(found) <= set(CAPTURED)
        for key, one in found.items():
            assert one["original" if shards is beside else "jpg"] == CAPTURED[key]
            assert json.loads(one["json"])["key"] == key
        decoded = next(iter(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8")))
        assert decoded["jpg"].ndim == 3


@pytest.mark.parametrize("how", ["inferred", "declared"])
@pytest.mark.parametrize("mode", ["beside", "instead"])
def test_datasets(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
    how: str,
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    shards: Path = request.getfixturevalue(mode)
    options = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    loaded = (
        datasets.load_dataset(str(shards), **options)
        if how == "declared"
        else datasets.load_dataset(
            "webdataset", data_files={"train": f"{shards}/data/train-*.tar"}, **options
        )
    )
    raw = loaded.cast_column("jpg", datasets.Image(decode=False))
    assert len(raw) > 0
    for row in raw:
        found = row["original"] if mode == "beside" else row["jpg"]["bytes"]
        assert found == CAPTURED[row["__key__"]]
    assert loaded[0]["jpg"].size[0] == (64 if mode == "beside" else loaded[0]["json"]["width"])


def test_the_card_declares_the_members(beside: Path, instead: Path) -> None:
    for shards, names in (
        (beside, ["jpg", "json", "original", "__key__", "__url__"]),
        (instead, ["jpg", "json", "__key__", "__url__"]),
    ):
        text = (shards / "README.md").read_text()
        header = yaml.safe_load(text.split("---")[1])
        assert [one["name"] for one in header["dataset_info"][0]["features"]] == names
        assert "captured, unchanged" in " ".join(text.split())


def test_a_png_dataset(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.INSTEAD, ["test-3", "test-7"])
    build_shards(layout, "main")
    assert load_manifest(layout.shards("main")).members == ["png", "json"]
    assert verify_shards(layout.shards("main")).defects == []
    (sample, _) = iterate_samples(next(layout.shards("main").glob("data/*.tar")))
    assert sample.image == CAPTURED[sample.key]


def test_several_formats_are_refused(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.INSTEAD)
    with pytest.raises(UsageError) as caught:
        build_shards(layout, "main")
    message = str(caught.value)
    assert "10 jpg/json, 2 png/json" in message
    assert "original_offset = tar_offset AND format IN ('JPEG')" in message
    assert "\n" not in message
    assert not layout.shards("main").exists()
    select(layout, lambda row: row["format"] == "JPEG")
    assert build_shards(layout, "main").samples == 10


def test_rows_with_and_without_originals_are_refused(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.BESIDE)
    more = [
        (capture(f"more-{n}", **RIGHTS), encoded(picture(50 + n, 400, 250)), "jpg")
        for n in range(3)
    ]
    add_part(layout, "w-000001", more, KeepOriginal.NONE)
    select(layout)
    with pytest.raises(UsageError, match=r"12 jpg/json/original, 3 jpg/json\)"):
        build_shards(layout, "main")
    select(layout, lambda row: row["original_offset"] is None)
    assert build_shards(layout, "main").samples == 3


def test_the_same_bytes_whatever_was_interrupted(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.BESIDE)
    build_shards(layout, "main", SOME)
    before = snapshot(layout.shards("main"))
    sizes = [len(data) for name, data in before.items() if name.endswith(".tar")]
    assert len(sizes) > 3
    assert max(sizes) <= SOME.shard_bytes
    next(layout.shards("main").glob("data/train-*.tar")).unlink()
    (layout.shards("main") / "manifest.json").unlink()
    assert build_shards(layout, "main", SOME).written == 1
    assert snapshot(layout.shards("main")) == before


@pytest.mark.parametrize("keep", [KeepOriginal.BESIDE, KeepOriginal.INSTEAD])
def test_damaged_originals_are_seen(tmp_path: Path, keep: KeepOriginal) -> None:
    layout = dataset(tmp_path, keep, ["test-1", "test-2"])
    (part,) = layout.parts()
    row = pq.read_table(part).to_pylist()[1]
    tar = layout.root / row["tar"]
    data = bytearray(tar.read_bytes())
    data[row["original_offset"] + 100] ^= 1
    tar.write_bytes(data)
    with pytest.raises(WorkError, match="the original of test-2 is not at byte"):
        build_shards(layout, "main")


def test_verify_sees_what_is_not_declared(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.BESIDE, ["test-1", "test-2"])
    build_shards(layout, "main")
    shards = layout.shards("main")
    edit_json(shards / "manifest.json", members=["jpg", "json"])
    assert any("instead of jpg and json" in line for line in verify_shards(shards).defects)


def test_a_manifest_without_the_field_has_plain_samples(tmp_path: Path) -> None:
    layout = dataset(tmp_path, KeepOriginal.NONE, ["test-1", "test-2"])
    build_shards(layout, "main")
    path = layout.shards("main") / "manifest.json"
    record = json.loads(path.read_text())
    assert record.pop("members") == ["jpg", "json"]
    path.write_text(json.dumps(record))
    assert [line for line in verify_shards(path.parent).defects if "own SHA-256" not in line] == []


def test_kinds() -> None:
    where = Path("selection")
    assert common_kind([("none", "JPEG", 3), ("none", "PNG", 1)], where) == Kind(Kept.NONE, "jpg")
    assert common_kind([("beside", None, 3)], where).members == ("jpg", "json", "original")
    assert common_kind([("instead", "JPEG", 3), ("instead", "MPO", 9)], where).image == "jpg"
    with pytest.raises(UsageError, match=r"format IN \('JPEG', 'MPO'\)"):
        common_kind([("instead", "JPEG", 3), ("instead", "MPO", 9), ("instead", "TIFF", 1)], where)
    assert {"original_offset", "original_size", "format"} <= set(METADATA_SCHEMA.names)
