from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import tiny_config
from tests.training.shardmaker import make_shards
from training.data.labels import read_labels
from training.data.samples import read_samples
from training.evaluation.calibration import fit_temperature
from training.fit.calibrate import MIN_SAMPLES, calibrate
from training.job.train import run_training
from training.model.modelfile import load_model, write_model
from training.process import CPU


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with enough samples to validate on."""
    folder = tmp_path_factory.mktemp("dataset") / "shards" / "small"
    return make_shards(folder, {"train": 32, "validation": MIN_SAMPLES})


@pytest.fixture(scope="module")
def calibrated(validated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_config("epochs=4", "heads.region={}")
    return Path(run_training(config, validated, tmp_path_factory.mktemp("runs"))["model"])


def test_a_complete_run_has_the_temperatures_of_its_heads_of_classes(calibrated: Path) -> None:
    found = load_model(calibrated).description.temperature
    assert set(found) == {"country", "region"}
    assert all(0.05 <= value <= 20 for value in found.values())
    assert found["country"] != 1


def test_few_samples_give_none(run: Path) -> None:
    assert load_model(run).description.temperature == {}


def test_logits_three_times_as_large_need_three_times_the_temperature() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, 5))
    true = np.array([random.choice(5, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    assert fit_temperature(3 * logits, true) == pytest.approx(3 * fit_temperature(logits, true))


def test_it_is_the_same_when_it_is_done_again(
    calibrated: Path, validated: Path, tmp_path: Path
) -> None:
    """As by a run that was killed between this and its completion."""
    trained = load_model(calibrated)
    path = tmp_path / "best.safetensors"
    hot = trained.description.model_copy(update={"temperature": {"country": 7.0}})
    write_model(path, hot, trained.network.state_dict(), trained.decoder)
    validation = read_samples(validated, "validation", read_labels(validated))
    for _ in range(2):
        calibrate(path, validation, CPU)
        assert path.read_bytes() == calibrated.read_bytes()
