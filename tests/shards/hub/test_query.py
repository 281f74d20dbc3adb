"""What was published can be asked in SQL where it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.shards.hub.conftest import publish
from tests.shards.hub.server import TOKEN, Hub

ASK = [sys.executable, "-c", "from lostfound import main; main()", "query"]


def ask(hub: Hub, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the client reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [*ASK, *arguments], capture_output=True, text=True, env=os.environ | settings, check=False
    )


def test_a_published_dataset_is_asked_where_it_is(hub: Hub, shards: Path) -> None:
    name = publish(shards).repo
    sql = "SELECT split, count(*) AS n FROM shards GROUP BY split ORDER BY split"
    answer = ask(hub, f"hf://datasets/{name}", sql, "--format", "json")
    assert (answer.returncode, answer.stderr) == (0, "")
    local = ask(hub, str(shards), sql, "--format", "json")
    assert json.loads(answer.stdout) == json.loads(local.stdout)
    assert sum(row["n"] for row in json.loads(answer.stdout)) == 30


def test_a_repository_that_is_not_there(hub: Hub) -> None:
    answer = ask(hub, "hf://datasets/nobody/nothing", "SELECT 1")
    assert answer.returncode in (1, 2)
    assert answer.stderr.startswith("lostfound: hf://datasets/nobody/nothing: no dataset there")
    assert "Traceback" not in answer.stderr
    assert TOKEN not in answer.stderr
