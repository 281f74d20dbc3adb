"""`ray_cluster.yaml` is what Ray's own launcher accepts."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

CLUSTER_FILE = Path(__file__).parents[1] / "ray_cluster.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CLUSTER_FILE.read_text())
    return loaded


def test_schema_check_passes(config: dict[str, Any]) -> None:
    validate_config(prepare_config(config))
    assert config["head_node_type"] in config["available_node_types"]


def test_schema_check_can_fail(config: dict[str, Any]) -> None:
    config["maximum_workers"] = 3
    with pytest.raises(Exception, match="maximum_workers"):
        validate_config(prepare_config(config))


def test_every_node_type_fits_under_the_cluster_limit(config: dict[str, Any]) -> None:
    limits = [node["max_workers"] for node in config["available_node_types"].values()]
    assert sum(limits) == config["max_workers"]
