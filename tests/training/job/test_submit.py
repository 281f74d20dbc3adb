"""The same job through `ray job submit`, on a local head of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.ports import free_ports
from tests.training.conftest import TINY
from training.model.modelfile import load_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

BINARIES = Path(sys.executable).parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
    # The same on the head and the client: otherwise it depends on files in the home directory.
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """The address of the dashboard of a cluster that belongs to this test alone."""
    # Ray's sockets need a short path; pytest's own directories are too deep.
    directory = tempfile.mkdtemp(prefix="lf-", dir="/tmp")
    port, dashboard, agent = free_ports(3)
    command = [str(BINARIES / "ray"), "start", "--head", "--block", "--num-cpus=3"]
    command += ["--node-ip-address=127.0.0.1", f"--port={port}"]
    command += [f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"]
    command += [f"--dashboard-agent-listen-port={agent}", "--object-store-memory=80000000"]
    command += [f"--temp-dir={directory}", "--include-dashboard=true"]
    with open(Path(directory) / "head.log", "wb") as log:
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not _answers(dashboard):
            assert process.poll() is None, (Path(directory) / "head.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"http://127.0.0.1:{dashboard}"
    finally:
        _end(process)
        shutil.rmtree(directory, ignore_errors=True)


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends this head and everything that it started, and nothing else."""
    if process.poll() is not None:
        return  # `ray start --block` ends when, and only when, all that it started has ended
    head = psutil.Process(process.pid)
    family = [*head.children(recursive=True), head]
    for member in family:
        member.terminate()
    _, alive = psutil.wait_procs(family, timeout=10)
    for member in alive:
        member.kill()
    process.wait()


def _submit(head: str, *arguments: str) -> subprocess.Popen[str]:
    command = [str(BINARIES / "ray"), "job", "submit", "--address", head, "--"]
    return subprocess.Popen(
        [*command, str(BINARIES / "lostfound"), *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_runs_as_a_submitted_job(head: str, shards: Path, tmp_path: Path) -> None:
    paths = ["--shards", str(shards), "--out", str(tmp_path)]
    with _submit(head, "train", "demo", *TINY, *paths, "--workers", "2") as job:
        output, _ = job.communicate(timeout=500)
    assert job.returncode == 0, output[-3000:]
    (model,) = tmp_path.glob("*/model.safetensors")
    assert load_model(model).description.training["epochs"] == 2


def test_a_submitted_sweep_whose_driver_is_killed(head: str, shards: Path, tmp_path: Path) -> None:
    """Submitted again it has the whole cluster, and trains no trial that is complete."""
    settings = [*TINY, "best_by=loss", "job.checkpoint_seconds=0"]
    arguments = ["sweep", "demo", *settings, "--grid", "epochs=2,30,31,32", "--json"]
    arguments += ["--shards", str(shards), "--out", str(tmp_path)]
    with _submit(head, *arguments) as job:
        while not (done := list(tmp_path.glob("*/model.safetensors"))):
            assert job.poll() is None
            time.sleep(0.05)
        _kill_driver(str(BINARIES / "lostfound"), str(tmp_path))
        job.communicate(timeout=300)
    assert job.returncode != 0
    stamps = {path: path.stat().st_mtime_ns for path in done}
    assert len(stamps) < 4
    with _submit(head, *arguments) as again:
        output, _ = again.communicate(timeout=800)
    assert again.returncode == 0, output[-3000:]
    assert len(list(tmp_path.glob("*/model.safetensors"))) == 4
    assert stamps == {path: path.stat().st_mtime_ns for path in done}
    (summary,) = tmp_path.glob("sweeps/*/sweep.json")
    assert json.loads(summary.read_text())["reused"] >= len(stamps)


def _kill_driver(*words: str) -> None:
    """kill -9 on the processes whose command has all the words, but for the client's own."""
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if all(word in command for word in words) and "job submit" not in command:
            process.kill()
