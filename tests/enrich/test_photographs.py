"""Real photographs end up in the country and region of their labels."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.keys import file_key
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, write_segment

Rows = dict[str, dict[str, Any]]


def labels(folder: Path) -> list[dict[str, str]]:
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rows(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The row of each photograph by its file name."""
    layout = DatasetLayout(tmp_path_factory.mktemp("photographs"))
    for name in ("opensfm", "streetscapes"):
        captures = []
        for label in labels(shared_data / "photos" / name):
            data = (shared_data / "photos" / name / label["file"]).read_bytes()
            key = file_key(hashlib.sha256(data).hexdigest())
            record = capture(key, lat=label["lat"], lon=label["lon"], group_id=label["file"])
            captures.append((record, data, "jpg"))
        write_segment(layout, f"{name}-000000", captures)
    summary = enrich_dataset(layout, EnrichOptions(), workers=1)
    assert summary.captures == summary.kept + sum(summary.rejected.values()) == 72
    assert set(summary.rejected) == {"duplicate_position"}
    parts = [pq.read_table(path).to_pylist() for path in layout.parts()]
    return {row["group_id"]: row for part in parts for row in part}


def test_lund_and_berlin(rows: Rows) -> None:
    lund = [row for name, row in rows.items() if "__lund__" in name]
    berlin = [row for name, row in rows.items() if "__berlin__" in name]
    assert (len(lund), len(berlin)) == (29, 3)
    assert {(row["country_code"], row["region_name"]) for row in lund} == {
        ("SE", "Sweden_Skåne_SWE-3429")
    }
    assert {(row["country_code"], row["region_name"]) for row in berlin} == {
        ("DE", "Germany_Berlin_DEU-1599")
    }


def test_the_labelled_ones(rows: Rows, shared_data: Path) -> None:
    expected = {"Niedersachsen": "Niedersachsen", "Ontario": "Ontario"}
    expected["Centre-Val de Loire"] = "Loiret"  # French regions of first level are departments here
    found = labels(shared_data / "photos" / "streetscapes")
    assert len(found) == 40
    for label in found:
        row = rows[label["file"]]
        assert row["country_code"] == label["iso2"]
        assert row["region_distance_km"] == 0
        assert row["region_name"].split("_")[1] == expected[label["gadm_name_1"]]


def test_real_photographs_pass_the_filters(rows: Rows) -> None:
    assert {row["status"] for row in rows.values()} == {"kept"}
    assert len({row["phash"] for row in rows.values()}) == 72
