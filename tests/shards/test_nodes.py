"""Machines that run other code are refused by one line that says which and what."""

import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shards.errors import UsageError
from shards.fanout import fan_out
from shards.nodes import (
    NodeFacts,
    code_digest,
    difference,
    facts_here,
    facts_of_driver,
    refusal,
)

ROOT = Path(__file__).parents[2]
HERE = NodeFacts("3.11.7", {"numpy": "2.4.0", "torch": "2.15.0"}, "a" * 64)


def test_equal_machines_pass() -> None:
    assert difference(HERE, HERE) == ""
    assert refusal(HERE, {"10.0.0.1": HERE, "10.0.0.2": replace(HERE)}) == ""


@pytest.mark.parametrize(
    ("there", "what"),
    [
        (replace(HERE, python="3.12.1"), "Python 3.12.1 instead of 3.11.7"),
        (replace(HERE, libraries={"numpy": "2.4.0", "torch": "2.9"}), "torch 2.9 instead of 2.15"),
        (replace(HERE, libraries={"numpy": "2.4.0"}), "torch missing instead of 2.15.0"),
        (replace(HERE, code="b" * 64), "other lostfound code (bbbbbbbbbbbb instead of aaaaaaaaaa"),
        ("other lostfound code (No module)", "other lostfound code (No module)"),
    ],
)
def test_a_difference_is_named_with_its_machine(there: NodeFacts | str, what: str) -> None:
    line = refusal(HERE, {"10.0.0.1": HERE, "10.0.0.2": there})
    assert line.startswith(f"10.0.0.2: {what}")
    assert "make setup" in line
    assert "\n" not in line


def test_several_are_counted() -> None:
    other = replace(HERE, code="b" * 64)
    line = refusal(HERE, {"10.0.0.3": other, "10.0.0.1": HERE, "10.0.0.2": other})
    assert line.startswith("10.0.0.2: other")
    assert ", and 1 more;" in line


def test_the_digest_changes_with_any_file_and_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "enrich").mkdir()
    (tmp_path / "enrich" / "a.py").write_text("x = 1\n")
    first = code_digest(tmp_path)
    (tmp_path / "enrich" / "a.py").write_text("x = 2\n")
    second = code_digest(tmp_path)
    (tmp_path / "enrich" / "a.py").rename(tmp_path / "enrich" / "b.py")
    assert len({first, second, code_digest(tmp_path)}) == 3


def test_this_machine_knows_its_own() -> None:
    facts = facts_here()
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert facts.libraries["numpy"]
    assert len(facts.code) == 64


def test_a_machine_that_joined_later_is_compared_by_its_first_task(
    ray_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(facts_here(), code="b" * 64)
    monkeypatch.setattr("shards.fanout.facts_of_driver", lambda: other)
    with pytest.raises(UsageError, match=r"^[\d.]+: other lostfound code \(.*make setup"):
        list(fan_out(str, range(4), workers=2))


def test_without_a_cluster_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert facts_of_driver() is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert facts_of_driver() == facts_here()


JOINS_LATER = """
import os, sys, time
from ray.cluster_utils import Cluster
cluster = Cluster(
    initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
)
os.environ["RAY_ADDRESS"] = cluster.address
from shards.fanout import fan_out

def wait(number):
    time.sleep(0.2)
    return number

for done, number in enumerate(fan_out(wait, range(600), workers=2)):
    if done == 3:
        cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": sys.argv[1]})
"""


@pytest.mark.slow
def test_a_node_with_another_library_joins_while_the_work_is_done(tmp_path: Path) -> None:
    """Not with other code: tasks on this machine import what their driver imports."""
    found = tmp_path / "typer-0.0.1.dist-info"
    found.mkdir()
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: typer\nVersion: 0.0.1\n")
    done = subprocess.run(
        [sys.executable, "-c", JOINS_LATER, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "typer 0.0.1 instead of" in done.stderr.splitlines()[-1]


OTHER_PYTHON = """
import os, site, subprocess, sys
from ray.cluster_utils import Cluster
import ray
cluster = Cluster(
    initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
)
ray.init(cluster.address)
joins = subprocess.run(
    [sys.argv[1], "-m", "ray.scripts.scripts", "start", "--address", cluster.address],
    env={**os.environ, "PYTHONPATH": site.getsitepackages()[0]}, capture_output=True, text=True,
)
sys.stderr.write(joins.stderr)
print(joins.returncode, len(ray.nodes()))
"""


@pytest.mark.slow
def test_a_node_with_another_python_is_refused_by_ray_itself() -> None:
    """Debian's own Python, where it is not the one of the tests but runs their libraries."""
    debian = "/usr/bin/python3"
    major, minor = sys.version_info[:2]
    there = subprocess.run([debian, "--version"], capture_output=True, text=True, check=False)
    found = there.stdout.removeprefix("Python ").strip()
    if not found.startswith(f"{major}.{minor}.") or found == platform.python_version():
        pytest.skip("this machine has no second Python for the same libraries")
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PYTHON, debian],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "1 1"
    assert "Version mismatch: The cluster was started with:" in done.stderr
    assert f"Python: {platform.python_version()}" in done.stderr
    assert f"Python: {found}" in done.stderr
