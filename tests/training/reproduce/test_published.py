from collections import Counter

import pytest

from training.config import BUNDLED, load_config
from training.reproduce.published import PUBLISHED, Row


def test_each_table_of_the_report_has_its_five_rows() -> None:
    assert Counter(row.table for row in PUBLISHED) == {"1.1": 5, "1.2": 5, "1.3": 5, "1.4": 5}


def test_each_configuration_of_the_report_has_its_figures() -> None:
    files = {f"report/{path.stem}" for path in (BUNDLED / "report").glob("*.yaml")}
    assert {row.config for row in PUBLISHED} == files


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row.table} {row.config}")
def test_a_row_is_trained_as_the_report_says(row: Row) -> None:
    config = load_config(row.config)
    task, size, augmented = f"{row.config}-".removeprefix("report/").split("-")[:3]
    networks = {
        "country-81k-augmented": "efficientnet_b3",
        "coordinates-333k-augmented": "resnet50",
    }
    assert config.network == networks.get(row.config.split("/")[1], "efficientnet_b1")
    assert config.weights == "imagenet"
    assert [head.kind for head in config.heads] == [task] == [config.position]
    assert (config.image.width, config.image.height) == ((320, 180) if size == "79k" else (130, 80))
    assert (config.augment is not None) == bool(augmented)
    assert config.optimiser.head_lr == config.optimiser.weight_decay == 0.01
    assert config.optimiser.trunk_rate() == pytest.approx(0.001)
    assert config.schedule.model_dump() == {"kind": "step", "every": 10, "gamma": 0.1}
    assert config.augment is None or config.augment.rotation_degrees == 10
