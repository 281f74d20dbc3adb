"""The shards load unchanged in the readers that people use, with every byte intact."""

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import webdataset
from huggingface_hub import DatasetCard
from PIL import Image

from shards.build import BuildOptions, build_shards
from shards.read import iterate_samples, read_range
from shards.sample import SAMPLE_FIELDS
from tests.shards.datasets import make_dataset, metadata_row, picture


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The first rows lack what later ones have: what is inferred from them must still fit.
    gaps = {"lat": None, "lon": None, "region_id": None, "captured_at": None, "license": None}
    rows = [metadata_row(n, **(gaps if n % 2 == 0 else {})) for n in range(40)]
    layout = make_dataset(tmp_path_factory.mktemp("readers"), rows)
    build_shards(layout, "main", BuildOptions(60_000, mix_licences=True, allow_unlicensed=True))
    return layout.shards("main")


@pytest.fixture(scope="module")
def expected(shards: Path) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Image and record of each training sample by its key."""
    return {
        sample.key: (sample.image, sample.record)
        for path in sorted(shards.glob("data/train-*.tar"))
        for sample in iterate_samples(path)
    }


def test_our_reader_gives_the_pictures(expected: dict[str, tuple[bytes, dict[str, Any]]]) -> None:
    assert len(expected) == 28
    for image, record in expected.values():
        assert image == picture(int(record["source_id"].removesuffix(".jpg")))


def test_webdataset(shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]]) -> None:
    last = len(list(shards.glob("data/train-*.tar"))) - 1
    urls = f"{shards}/data/train-{{000000..{last:06d}}}.tar"
    found = {
        sample["__key__"]: (sample["jpg"], json.loads(sample["json"]))
        for sample in webdataset.WebDataset(urls, shardshuffle=False)
    }
    assert found == expected


def test_webdataset_decodes(shards: Path) -> None:
    dataset = webdataset.WebDataset(f"{shards}/data/test-000000.tar", shardshuffle=False)
    image, record = next(iter(dataset.decode("rgb8").to_tuple("jpg", "json")))
    assert image.shape == (36, 64, 3)
    assert set(record) == set(SAMPLE_FIELDS)


@pytest.fixture
def hugging_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The `datasets` package, offline and with a cache of its own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    return lambda *args, **options: datasets.load_dataset(
        *args, cache_dir=str(tmp_path / "cache"), **options
    )


def test_datasets_infers_features(
    shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]], hugging_face: Any
) -> None:
    loaded = hugging_face(
        "webdataset", data_files={"train": f"{shards}/data/train-*.tar"}, split="train"
    )
    assert images_and_records(loaded) == expected


def test_datasets_reads_the_card(
    shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]], hugging_face: Any
) -> None:
    loaded = hugging_face(str(shards))
    assert {name: len(split) for name, split in loaded.items()} == {
        "train": 28,
        "validation": 8,
        "test": 4,
    }
    assert images_and_records(loaded["train"]) == expected
    sample = loaded["test"][0]
    assert np.asarray(sample["jpg"]).shape == (36, 64, 3)
    metadata = hugging_face(str(shards), "metadata", data_dir="metadata", split="train")
    assert set(metadata["key"]) == set(expected)
    assert None in metadata["lat"]


def test_datasets_streams(
    shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]], hugging_face: Any
) -> None:
    loaded = hugging_face(str(shards), split="train", streaming=True)
    assert images_and_records(loaded) == expected


@pytest.mark.parametrize("streaming", [False, True])
def test_features_are_those_of_the_card(shards: Path, hugging_face: Any, streaming: bool) -> None:
    import datasets

    [declared] = DatasetCard.load(shards / "README.md").data.to_dict()["dataset_info"]
    features = datasets.Features._from_yaml_list(declared["features"])
    loaded = hugging_face(str(shards), split="train", streaming=streaming)
    assert loaded.features == features
    assert set(next(iter(loaded))) == set(features)


def images_and_records(loaded: Any) -> dict[str, tuple[bytes, dict[str, Any]]]:
    import datasets

    raw = loaded.cast_column("jpg", datasets.Image(decode=False))
    return {row["__key__"]: (row["jpg"]["bytes"], row["json"]) for row in raw}


def test_ray_data(
    ray_cluster: None, shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]]
) -> None:
    import ray

    paths = [str(path) for path in sorted(shards.glob("data/train-*.tar"))]
    loaded = ray.data.read_webdataset(paths, decoder=None, override_num_blocks=1)
    rows = loaded.take_all()
    assert {row["__key__"]: (row["jpg"], json.loads(row["json"])) for row in rows} == expected


def test_duckdb_finds_an_image(
    shards: Path, expected: dict[str, tuple[bytes, dict[str, Any]]]
) -> None:
    found = duckdb.sql(
        f"SELECT key, tar, tar_offset, tar_size FROM '{shards}/metadata/*.parquet'"
        " WHERE country_code = 'SE' AND split = 'train' AND captured_at >= DATE '2024-01-01'"
    ).fetchall()
    assert found
    for key, tar, offset, size in found:
        image = read_range(shards / tar, offset, size)
        assert image == expected[key][0]
        assert Image.open(io.BytesIO(image)).size == (64, 36)
