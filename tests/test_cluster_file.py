"""The cluster files are what Ray's own launcher accepts, and say the same on each cloud."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from shards.room import MOST

ROOT = Path(__file__).parents[1]
CLOUDS = ("ray_cluster.yaml", "cluster/gcp.yaml", "cluster/azure.yaml")
SPOT = {"scraper", "enrich", "gpu"}
NOT_ON_NODES = {".ci", ".gitignore", "CONTRIBUTING.md", "docs", "ray_cluster.yaml", "tests"}
OWN = ("provider", "auth", "available_node_types")


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


@pytest.fixture(params=CLOUDS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def is_spot(node: dict[str, Any]) -> bool:
    settings = node["node_config"]
    return (
        settings.get("InstanceMarketOptions", {}).get("MarketType") == "spot"
        or settings.get("scheduling", {}).get("provisioningModel") == "SPOT"
        or settings.get("azure_arm_parameters", {}).get("priority") == "Spot"
    )


def test_schema_check_passes(config: dict[str, Any]) -> None:
    validate_config(prepare_config(config))
    assert config["head_node_type"] in config["available_node_types"]


def test_schema_check_can_fail(config: dict[str, Any]) -> None:
    config["maximum_workers"] = 3
    with pytest.raises(Exception, match="maximum_workers"):
        validate_config(prepare_config(config))


def test_every_group_starts_from_zero_and_fits_under_the_limit(config: dict[str, Any]) -> None:
    groups = config["available_node_types"].values()
    assert [group["min_workers"] for group in groups] == [0] * len(groups)
    assert sum(group["max_workers"] for group in groups) == config["max_workers"]


def test_the_head_says_what_all_groups_have_together(config: dict[str, Any]) -> None:
    head = config["available_node_types"]["head"]["resources"]
    for name in ("CPU", "GPU", "browser"):
        together = sum(
            group["max_workers"] * group["resources"].get(name, 0)
            for group in config["available_node_types"].values()
        )
        assert head[f"{MOST}{name}"] == together > 0
    assert head["CPU"] == 0


def test_spot_only_where_a_machine_may_go(config: dict[str, Any]) -> None:
    groups = config["available_node_types"].items()
    assert {name for name, group in groups if is_spot(group)} == SPOT


def test_the_clouds_differ_in_their_machines_alone() -> None:
    first, *others = [load(name) for name in CLOUDS]
    for other in others:
        for key in first.keys() | other.keys():
            if key not in OWN:
                assert other[key] == first[key], key
        for name, group in first["available_node_types"].items():
            same = other["available_node_types"][name]
            assert same["max_workers"] == group["max_workers"]
            for resource in ("GPU", "browser"):
                assert same["resources"].get(resource) == group["resources"].get(resource)


def test_all_that_a_node_runs_is_copied_there_and_nothing_else(config: dict[str, Any]) -> None:
    """Not `.`, whose checksum changes with every cache, and fails at a broken link in one."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    top = {path.partition("/")[0] for path in tracked.stdout.decode().split()}
    for mounted in (config["file_mounts"], load("cluster/onprem.yaml")["file_mounts"]):
        here = {there.removeprefix("~/lostfound/"): path for there, path in mounted.items()}
        del here["~/.ray/auth_token"]
        assert here == {path: path for path in top - NOT_ON_NODES}


def test_nodes_start_ray_as_those_on_premises_do(config: dict[str, Any]) -> None:
    at_home = load("cluster/onprem.yaml")
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for commands in (config[key], at_home[key]):
            assert "cluster/start-node" in commands[-1]
            assert "LOSTFOUND_STATE=" in commands[-1]
    for mounted in (config["file_mounts"], at_home["file_mounts"]):
        assert mounted["~/.ray/auth_token"] == "~/.ray/auth_token"
    script = (ROOT / "cluster" / "start-node").read_text()
    assert '"${RAY_AUTH_MODE:-token}"' in script
    assert "--dashboard-host=127.0.0.1" in script
