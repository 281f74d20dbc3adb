import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shards.errors import UsageError
from training.deploy.table import COLUMNS, flat, writer_for

ANSWER: dict[str, Any] = {
    "image": "a, b.jpg",
    "countries": [
        {"code": "BR", "name": "Brazil", "probability": 0.75},
        {"code": "SE", "name": "Sweden", "probability": 0.25},
    ],
    "continents": [{"name": "South America", "probability": 0.75}],
    "position": {"lat": -23.5, "lon": -46.6},
    "regions": [{"id": "BRA-1311", "name": "Brazil_São Paulo", "probability": 0.5}],
}
NOWHERE = {"images": ["c.jpg", "d.jpg"], "countries": ANSWER["countries"], "position": None}
BROKEN = {"image": "e.jpg", "error": "e.jpg: no such file"}
ALL = [ANSWER, NOWHERE, BROKEN]


def test_flat() -> None:
    assert flat(ANSWER) == {
        "image": "a, b.jpg", "lat": -23.5, "lon": -46.6,
        "country_code": "BR", "country": "Brazil", "country_probability": 0.75,
        "region_id": "BRA-1311", "region": "Brazil_São Paulo", "region_probability": 0.5,
        "continent": "South America", "continent_probability": 0.75,
        "error": None,
    }  # fmt: skip
    assert flat(NOWHERE)["image"] == "c.jpg\nd.jpg"
    assert flat(NOWHERE)["lat"] is None
    assert flat(BROKEN)["error"] == "e.jpg: no such file"


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    writer_for(path)(path, ALL)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["country_code"] for row in rows] == ["BR", "BR", ""]
    assert float(rows[0]["lat"]) == -23.5
    assert rows[0]["region"] == "Brazil_São Paulo"


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    writer_for(path)(path, ALL)
    rows = pq.read_table(path).to_pylist()
    assert rows[0]["countries"] == ANSWER["countries"]
    assert rows[0]["regions"] == ANSWER["regions"]
    assert (rows[1]["lat"], rows[2]["countries"]) == (None, None)
    writer_for(path)(path, [])
    assert pq.read_table(path).column_names == [*COLUMNS, "countries", "regions"]


def test_geojson(tmp_path: Path) -> None:
    path = tmp_path / "o.geojson"
    writer_for(path)(path, ALL)
    found = json.loads(path.read_text())
    assert found["type"] == "FeatureCollection"
    assert found["features"][0]["geometry"] == {"type": "Point", "coordinates": [-46.6, -23.5]}
    assert [feature["geometry"] for feature in found["features"][1:]] == [None, None]
    assert found["features"][2]["properties"]["error"] == "e.jpg: no such file"


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "o.JSONL"
    writer_for(path)(path, ALL)
    assert [json.loads(line) for line in path.read_text().splitlines()] == ALL


def test_another_suffix() -> None:
    with pytest.raises(UsageError, match=r"end the name in one of \.csv"):
        writer_for(Path("o.xlsx"))
