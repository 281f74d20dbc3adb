import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from shards.errors import UsageError, WorkError
from tests.training.shardmaker import PLACES, Place, make_shards
from training.evaluation.evaluate import evaluate_model
from training.evaluation.metrics import wilson_interval


def test_the_written_figures(run: Path, shards: Path) -> None:
    found = evaluate_model(run, shards)
    assert json.loads((run / "evaluation" / "evaluation.json").read_text()) == found
    assert (found["split"], found["samples"], found["countries"]) == ("test", 11, 4)
    assert found["country"]["top1"] == 1.0
    assert found["country"]["top5"] == 1.0
    assert found["country"]["balanced_accuracy"] == 1.0
    assert found["chance_top1"] == 1 / 4
    # Countries have 8 training samples each; the first is BR, with 3 of the 11.
    assert found["majority_top1"] == pytest.approx(3 / 11)
    # A right country is answered with the centre of its samples, spread over 0.6 degrees.
    assert found["distance_km"]["median"] < 40
    assert {code: row["samples"] for code, row in found["per_country"].items()} == {
        "BR": 3, "DE": 3, "JP": 3, "SE": 2
    }  # fmt: skip


def test_another_split_has_its_own_file(run: Path, shards: Path) -> None:
    before = (
        (run / "evaluation" / "evaluation.json").read_bytes()
        if (run / "evaluation" / "evaluation.json").exists()
        else None
    )
    assert evaluate_model(run / "model.safetensors", shards, "validation")["samples"] == 8
    assert (run / "evaluation-validation" / "evaluation.json").is_file()
    assert (run / "evaluation" / "evaluation.json").read_bytes() == before


def test_a_row_for_each_sample(run: Path, shards: Path) -> None:
    found = evaluate_model(run, shards)
    rows = pq.read_table(run / "evaluation" / "predictions.parquet").to_pylist()
    assert len(rows) == 11
    first = rows[0]
    assert first["key"] == "test-0040"
    assert (first["country"], first["predicted_country"], first["country_rank"]) == ("BR", "BR", 0)
    assert first["countries"][0] == "BR"
    assert len(first["countries"]) == 4
    assert sum(first["probabilities"]) == pytest.approx(1)
    assert first["probability"] == first["probabilities"][0] == first["true_probability"]
    assert (first["region"], first["predicted_region"]) == ("BRA-1311", "BRA-1311")
    assert (first["continent"], first["predicted_continent"]) == ("South America", "South America")
    assert first["geoscore"] == pytest.approx(5000 * np.exp(-first["distance_km"] / 1492.7))
    assert np.mean([row["distance_km"] for row in rows]) == pytest.approx(
        found["distance_km"]["mean"]
    )
    tar = (shards / first["tar"]).read_bytes()
    picture = tar[first["tar_offset"] : first["tar_offset"] + first["tar_size"]]
    assert picture.startswith(b"\xff\xd8")
    countries = (run / "evaluation" / "countries.csv").read_text().splitlines()
    assert countries[0].startswith("country,name,continent,samples,top1,")
    assert countries[1].startswith("BR,Brazil,South America,3,1.0,")
    assert (run / "evaluation" / "confusion.csv").read_text().splitlines() == [
        "country,predicted,samples", "BR,BR,3", "DE,DE,3", "JP,JP,3", "SE,SE,2"
    ]  # fmt: skip


def test_what_cannot_be_evaluated(run: Path, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such shard directory"):
        evaluate_model(run, tmp_path / "absent")
    with pytest.raises(UsageError, match="no such model file"):
        evaluate_model(tmp_path / "absent", shards)
    with pytest.raises(UsageError, match="the holdout split is empty"):
        evaluate_model(run, shards, "holdout")
    other = make_shards(tmp_path / "other", places=PLACES[:3])
    with pytest.raises(WorkError, match=r"label table differs .*3 countries against 4.*--map"):
        evaluate_model(run, other)
    with pytest.raises(UsageError, match=r"--subset: GERMANY: no such country; did you mean DE"):
        evaluate_model(run, shards, subset="Germany")


def test_another_label_table_by_codes(run: Path, tmp_path: Path) -> None:
    """Japan comes first in it, and Peru is unknown to the model."""
    peru = Place("PE", "Peru", "PER-504", -12.0, -77.0, PLACES[0].colour)
    other = make_shards(tmp_path / "other", {"test": 6}, places=(PLACES[2], PLACES[1], peru))
    found = evaluate_model(run, other, map_labels=True, subset="DE,JP")
    assert found["samples"] == 6
    assert (found["country"]["unknown"], found["country"]["top1"]) == (2, pytest.approx(4 / 6))
    assert found["country"]["balanced_accuracy"] == 1.0
    assert found["region"]["unknown"] == 2
    assert found["subset"]["samples"] == 4
    assert found["subset"]["country"]["top1"] == 1.0
    assert found["per_country"]["PE"]["known"] is False
    # Peru's pictures have the colour of Brazil's.
    assert found["confusions"] == [{"country": "PE", "predicted": "BR", "samples": 2}]
    assert found["continent"]["top1"] == 1.0
    rows = pq.read_table(run / "evaluation" / "predictions.parquet").to_pylist()
    assert rows[2]["country"] == "PE"
    assert rows[2]["country_rank"] is None
    assert rows[2]["region"] == "PER-504"
    strange = make_shards(tmp_path / "strange", {"test": 2}, places=(peru,))
    with pytest.raises(WorkError, match="the model knows none of its countries"):
        evaluate_model(run, strange, map_labels=True)


def test_all_figures(run: Path, shards: Path) -> None:
    found = evaluate_model(run, shards)
    assert found["continent"]["top1"] == 1.0
    assert found["region"]["top1"] == 1.0
    assert found["region_to_country"]["summed"] == 1.0
    assert found["region_to_country"]["argmax"] == 1.0
    assert found["position"]["country"] == 1.0
    assert found["country"]["top1_low"] == pytest.approx(wilson_interval(1.0, 11)[0])
    distance = found["distance_km"]
    for name in ("median", "mean", "p90", "geoscore"):
        assert distance[f"{name}_low"] <= distance[name] <= distance[f"{name}_high"]
    assert distance["within"]["200 km"] == 1.0
    assert distance["within"]["200 km_high"] == 1.0
    assert found["interval"]["over"] == "samples"
    assert sum(row["samples"] for row in found["calibration"]["reliability"]) == 11
    assert evaluate_model(run, shards) == found
    assert (run / "evaluation" / "index.html").is_file()


def test_samples_in_groups_are_drawn_together(run: Path, tmp_path: Path) -> None:
    games = {f"test-{n:04d}": {"group_id": f"game-{n // 4}"} for n in range(12)}
    shards = make_shards(tmp_path / "s", {"test": 12}, changes=games)
    found = evaluate_model(run, shards, map_labels=True)
    assert (found["interval"]["over"], found["interval"]["drawn"]) == ("groups", 3)


def test_one_sample_without_coordinates(run: Path, tmp_path: Path) -> None:
    nowhere = {"test-0000": {"lat": None, "lon": None, "region_id": None, "region_index": -1}}
    shards = make_shards(tmp_path / "s", {"test": 1}, changes=nowhere)
    found = evaluate_model(run, shards, map_labels=True)
    assert found["samples"] == 1
    assert found["country"]["top1"] == 1.0
    assert found["distance_km"]["median"] is None
    assert found["region"]["balanced_accuracy"] is None
    assert found["position"]["region"] is None
