"""Through Xet storage, as the client does it unless HF_HUB_DISABLE_XET is set."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.verify import verify_shards
from tests.shards.datasets import make_dataset, snapshot
from tests.shards.hub.server import USER, Hub
from tests.shards.hub.test_publish import checkout

NAME = f"{USER}/main"
# A batch for each file, so that there is something between the batches.
PROGRAM = """
import shards.hub.client
shards.hub.client.BATCH_FILES = 1
from lostfound import main
main()
"""


def start(directory: Path, home: Path) -> "subprocess.Popen[str]":
    """In a process of its own: the client decides about Xet when it is imported."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "publish", str(directory), "--repo", "main"],
        env={**os.environ, "HF_HUB_DISABLE_XET": "0", "HF_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = make_dataset(tmp_path_factory.mktemp("few"), 12)
    build_shards(layout, "main", BuildOptions(shard_bytes=20_000))
    return layout.shards("main")


@pytest.mark.slow
def test_killed_between_its_batches_it_goes_on(hub: Hub, few: Path, tmp_path: Path) -> None:
    hub.delay_s = 0.3
    child = start(few, tmp_path / "home")
    while hub.requests.count("shard") < 3 and child.poll() is None:
        time.sleep(0.02)
    child.kill()
    child.communicate()
    assert set(hub.store.repos[NAME].files()) == {".gitattributes"}
    time.sleep(2 * hub.delay_s)
    hub.delay_s = 0.0
    arrived = set(hub.xorbs.chunks)
    assert len(arrived) >= 2
    before = hub.requests.count("xorb")
    child = start(few, tmp_path / "home")
    assert child.wait(timeout=120) == 0
    assert "upload" not in hub.requests
    # The one whose batch was not finished may come again.
    assert hub.requests.count("xorb") - before <= len(set(hub.xorbs.chunks) - arrived) + 1
    assert set(hub.store.repos[NAME].files()) == {".gitattributes", *snapshot(few)}
    assert verify_shards(checkout(hub, tmp_path / "checkout")).defects == []


def test_what_arrives_is_what_was_built(hub: Hub, few: Path, tmp_path: Path) -> None:
    child = start(few, tmp_path / "home")
    assert child.wait(timeout=120) == 0
    assert "xorb" in hub.requests
    assert "upload" not in hub.requests
    assert verify_shards(checkout(hub, tmp_path / "checkout")).defects == []


def test_a_refusal_of_the_storage_says_what_it_is(hub: Hub, few: Path, tmp_path: Path) -> None:
    hub.fail("xorb", 403, times=100)
    child = start(few, tmp_path / "home")
    _, said = child.communicate(timeout=120)
    assert child.returncode == 1
    [line] = said.splitlines()
    assert "the token may not write there" in line
    assert set(hub.store.repos[NAME].files()) == {".gitattributes"}
