"""`lostfound demo` as a user runs it: stopped by Ctrl-C, continued, and run once more."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest

from shards.atomic import TEMPORARY_PREFIX

MARK = "LOSTFOUND_TEST_RUN"
STAGES = [
    *("ray", "crawl", "enrich", "select", "build"),
    *("verify", "train", "evaluate", "predict", "report"),
]
CONFIG = """
network: mobilenet_v3_small
weights: none
image: {width: 64, height: 36}
batch_size: 8
epochs: 2
job: {workers: 2}
"""


class Demo:
    """Starts the command; every process below it inherits a mark, by which it is found again."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "demo"
        config = folder / "tiny.yaml"
        config.write_text(CONFIG)
        self.mark = uuid.uuid4().hex
        self.command = [sys.executable, "-c", "import lostfound; lostfound.main()", "demo"]
        self.command += ["--out", str(self.out), "--games", "8", "--countries", "4"]
        self.command += ["--config", str(config), "--json"]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(f"{process.pid} {process.name()} {process.status()}")
            except psutil.Error:
                continue
        return [line for line in found if "zombie" not in line]

    def wait_until_gone(self, seconds: float) -> list[str]:
        ends_at = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < ends_at:
            time.sleep(0.2)
        return left

    def run(self) -> tuple[dict[str, Any], str]:
        process = self.start()
        stdout, stderr = process.communicate(timeout=400)
        assert process.returncode == 0, stderr
        return json.loads(stdout), stderr


@pytest.mark.timeout(900)
def test_demo_survives_ctrl_c_and_runs_twice(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    stopped = demo.start()
    ledgers = demo.out / "raw" / "geoguessr"
    ends_at = time.monotonic() + 120
    while not list(ledgers.glob("*.open.tar")):
        assert stopped.poll() is None, stopped.communicate()
        assert time.monotonic() < ends_at, "the crawl did not begin"
        time.sleep(0.1)
    os.killpg(stopped.pid, signal.SIGINT)
    _, stderr = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, stderr
    assert "run the same command again" in stderr
    assert demo.wait_until_gone(10) == []
    assert not list(demo.out.rglob(f"{TEMPORARY_PREFIX}*"))

    first, progress = demo.run()
    assert first["captures"] == 8 * 5
    assert first["captures"] == first["kept"] + sum(first["rejected"].values())
    assert first["countries"] >= 3
    assert sum(first["samples"].values()) == first["kept"]
    assert 0 <= first["top-1"] <= 1
    assert Path(first["report"]).is_file()
    assert len(first["predicted"]) == min(3, first["samples"]["test"])
    assert [line.split()[0] for line in progress.splitlines()] == STAGES

    model = Path(first["model"]).read_bytes()
    second, _ = demo.run()
    assert second == first
    assert Path(second["model"]).read_bytes() == model
    assert demo.wait_until_gone(10) == []


def test_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("five years of work")
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "import lostfound; lostfound.main()",
            "demo",
            "--out",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "something other than a demo" in result.stderr
    assert (tmp_path / "thesis.txt").is_file()
