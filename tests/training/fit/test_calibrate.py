from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import tiny_config
from tests.training.fit.small import PowerCutError
from tests.training.shardmaker import make_shards
from training.data.labels import read_labels
from training.data.samples import read_samples
from training.evaluation.calibration import COLDEST, HOTTEST, fit_temperature
from training.evaluation.metrics import mean_nll
from training.evaluation.outcomes import true_cells
from training.fit.calibrate import MIN_SAMPLES, _outputs, calibrate
from training.job.train import run_training
from training.model.cells.build import region_ids
from training.model.decode import softmax
from training.model.modelfile import load_model, write_model
from training.process import CPU

SQUARES = "{kind: region, name: squares, cells: {kind: adaptive, min_samples: 1, max_samples: 9}}"
CONFIG = tiny_config("epochs=3", f"heads=[country, coordinates, region, {SQUARES}]")


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with enough samples to validate on."""
    folder = tmp_path_factory.mktemp("dataset") / "shards" / "small"
    return make_shards(folder, {"train": 32, "validation": MIN_SAMPLES})


@pytest.fixture(scope="module")
def calibrated(validated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(run_training(CONFIG, validated, tmp_path_factory.mktemp("runs"))["model"])


def test_a_complete_run_has_the_temperatures_of_its_heads_of_classes(calibrated: Path) -> None:
    found = load_model(calibrated).description.temperature
    assert set(found) == {"country", "region", "squares"}
    assert all(0.05 <= value <= 20 for value in found.values())
    assert found["country"] != 1


def test_no_other_temperature_is_better(calibrated: Path, validated: Path) -> None:
    """1, which is none, among them."""
    trained = load_model(calibrated)
    samples = read_samples(validated, "validation", read_labels(validated))
    outputs = _outputs(trained, samples, CPU, 1)
    positions = np.column_stack([samples.lat, samples.lon])
    regions = region_ids(trained.decoder.labels, samples)
    for name, fitted in trained.description.temperature.items():
        cells = trained.decoder.cells.get(name)
        true = true_cells(cells, positions, regions) if cells else samples.country
        assert (true >= 0).all()
        others = (1.0, max(COLDEST, 0.95 * fitted), min(HOTTEST, 1.05 * fitted))
        best, *rest = (
            mean_nll(softmax(outputs[name] / np.float32(t))[np.arange(len(true)), true])
            for t in (fitted, *others)
        )
        assert best is not None
        assert all(best <= (other or 0) + 1e-7 for other in rest)


def test_a_run_without_validation(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "shards", {"train": 16})
    path = Path(run_training(tiny_config("epochs=1"), shards, tmp_path / "runs")["model"])
    description = load_model(path).description
    assert description.temperature == {}
    assert description.training["validation"] is None


def test_cut_off_while_it_completes(
    calibrated: Path, validated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the temperatures are written, and after: what is run again is the same file."""

    def cut(*_: object) -> None:
        raise PowerCutError

    for where in ("training.fit.calibrate.write_model", "training.fit.rundir.shutil.copyfile"):
        with monkeypatch.context() as patch:
            patch.setattr(where, cut)
            with pytest.raises(PowerCutError):
                run_training(CONFIG, validated, tmp_path)
    again = Path(run_training(CONFIG, validated, tmp_path)["model"])
    assert again.parent.name == calibrated.parent.name
    assert again.read_bytes() == calibrated.read_bytes()


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
