import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from shards.errors import UsageError, WorkError
from tests.training.shardmaker import PLACES, make_shards
from training.evaluation.evaluate import evaluate_model


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
    assert countries[0].startswith("country,samples,top1")
    assert countries[1].startswith("BR,3,1.0,")
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
    with pytest.raises(WorkError, match=r"label table differs .*3 countries against 4"):
        evaluate_model(run, other)
