"""Without a cluster nothing is counted; with one, see `tests/jobs/test_metrics.py`."""

import subprocess
import sys

import pytest

from shards import metrics


def test_counting_without_a_cluster_costs_no_import_of_ray() -> None:
    script = (
        "import sys; from shards import metrics;"
        "metrics.count('lostfound_kept_total', 3, node='a');"
        "metrics.gauge('lostfound_training_epoch', 3, run='a');"
        "metrics.publish([]); print('ray' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.strip() == "False", said.stderr


def test_a_name_that_is_not_declared(ray_cluster: None) -> None:
    with pytest.raises(KeyError):
        metrics.count("lostfound_typo_total")


def test_counters_end_in_total() -> None:
    for name, series in metrics.SERIES.items():
        assert name.startswith("lostfound_")
        assert name.endswith("_total") == (series.kind == metrics.COUNTER)
        assert series.text.endswith(".")
