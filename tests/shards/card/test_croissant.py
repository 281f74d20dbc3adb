"""`croissant.json` is what the reference implementation accepts and reads the data by."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pyarrow.parquet as pq
import pytest
from etils import epath
from PIL import Image

from shards.build import BuildOptions, build_shards
from shards.read import iterate_samples
from tests.shards.datasets import make_dataset, metadata_row


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = make_dataset(tmp_path_factory.mktemp("croissant"), 20)
    build_shards(layout, "main", BuildOptions(shard_bytes=40_000))
    return layout.shards("main")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unpacked is kept by its relative path alone, whatever the dataset."""
    module = "mlcroissant._src.operation_graph.operations.extract"
    monkeypatch.setattr(f"{module}.EXTRACT_PATH", epath.Path(tmp_path))


def _document(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "croissant.json").read_text())
    return document


def test_the_reference_implementation_finds_no_fault(built: Path) -> None:
    issues = mlcroissant.Dataset(jsonld=str(built / "croissant.json")).metadata.ctx.issues
    assert not issues.errors
    # A date of publication comes into being on publication.
    [warning] = issues.warnings
    assert "datePublished" in warning


def test_the_reference_implementation_reads_rows_and_pictures(built: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(built / "croissant.json"))
    rows = {row["samples/key"].decode(): row for row in dataset.records("samples")}
    expected = {
        row["key"]: row
        for path in (built / "metadata").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    }
    assert rows.keys() == expected.keys()
    for key, row in rows.items():
        assert row["samples/lat"] == expected[key]["lat"]
        assert row["samples/split"] == expected[key]["split"].encode()
        assert row["samples/captured_at"] == expected[key]["captured_at"]
    images = {row["images/key"].decode(): row["images/image"] for row in dataset.records("images")}
    samples = {s.key: s for tar in (built / "data").iterdir() for s in iterate_samples(tar)}
    assert images.keys() == samples.keys()
    for key, image in images.items():
        with Image.open(io.BytesIO(samples[key].image)) as right:
            assert np.array_equal(np.asarray(image), np.asarray(right))


def test_every_file_has_its_hash_and_the_extent_is_that_of_the_rows(built: Path) -> None:
    document = _document(built)
    objects = [d for d in document["distribution"] if d["@type"] == "cr:FileObject"]
    described = {"README.md", "croissant.json", "map.png", "manifest.json"}
    files = {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}
    assert {item["@id"] for item in objects} == files - described
    for item in objects:
        data = (built / item["contentUrl"]).read_bytes()
        assert item["sha256"] == hashlib.sha256(data).hexdigest()
        assert item["contentSize"] == f"{len(data)} B"
    assert document["geocr:coordinateReferenceSystem"] == "EPSG:4326"
    # Rows 17 and 19 are the farthest east and north; `metadata_row` says where.
    assert document["spatialCoverage"]["geo"]["box"] == "48.850200 2.350000 55.701800 13.400000"
    assert document["temporalCoverage"] == "2024-05-01/2024-05-01"
    assert document["license"] == ["CC-BY-SA-4.0"]


def test_without_coordinates_and_times_there_is_no_extent(tmp_path: Path) -> None:
    rows = [metadata_row(n, lat=None, lon=None, captured_at=None) for n in range(5)]
    layout = make_dataset(tmp_path, rows)
    build_shards(layout, "main")
    document = _document(layout.shards("main"))
    assert "spatialCoverage" not in document
    assert "temporalCoverage" not in document
