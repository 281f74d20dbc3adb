"""The Grafana board asks for figures that there are; Prometheus reads Ray's own list of nodes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from crawler.metrics import collect
from shards.metrics import SERIES
from tests.crawler.fleet_stats import snapshot

CLUSTER = Path(__file__).parents[1] / "cluster"
OF_RAY = {
    "ray_node_cpu_utilization": {"ip"},
    "ray_node_mem_used": {"ip"},
    "ray_object_store_used_memory": {"NodeAddress"},
}
"""Ray's own; `tests/jobs/test_jobs.py` finds them at a real endpoint."""


def known() -> dict[str, set[str]]:
    """Labels by the name that Prometheus shows."""
    names = {f"ray_{name}": set(series.labels) for name, series in SERIES.items()}
    for family in collect(snapshot()):
        for sample in family.samples:
            names.setdefault(f"ray_{sample.name}", set()).update(sample.labels)
    return names | OF_RAY


def queries() -> list[dict[str, Any]]:
    board = json.loads((CLUSTER / "grafana" / "lostfound.json").read_text())
    return [query for panel in board["panels"] for query in panel.get("targets", [])]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query["expr"])
def test_every_query_names_figures_and_labels_that_exist(query: dict[str, Any]) -> None:
    names = re.findall(r"ray_\w+", query["expr"])
    assert names
    for name in names:
        assert name in known(), f"no figure {name}"
        # A counter is shown as a rate, a gauge is not.
        assert name.endswith("_total") == bool(
            re.search(rf"(rate|increase)\({name}\[", query["expr"])
        )
    labels = set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"]))
    labels |= set(re.findall(r"by \((\w+)\)", query["expr"]))
    for label in labels:
        assert all(label in known()[name] for name in names), f"no label {label} in {names}"


def test_every_figure_of_a_stage_is_on_the_board() -> None:
    asked = {name for query in queries() for name in re.findall(r"ray_\w+", query["expr"])}
    assert {f"ray_{name}" for name in SERIES} <= asked


def test_no_two_panels_lie_on_each_other() -> None:
    board = json.loads((CLUSTER / "grafana" / "lostfound.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        across, down = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_prometheus_reads_the_list_that_ray_writes() -> None:
    from ray._private import ray_constants

    config = yaml.safe_load((CLUSTER / "prometheus.yaml").read_text())
    [job] = config["scrape_configs"]
    [files] = job["file_sd_configs"]
    name = ray_constants.PROMETHEUS_SERVICE_DISCOVERY_FILE
    assert files["files"] == [f"/tmp/ray/{name}"]
