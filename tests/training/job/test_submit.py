"""The same job through `ray job submit`, on a local head of its own."""

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

from training.model.modelfile import load_model

BINARIES = Path(sys.executable).parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
    # The same on the head and the client: otherwise it depends on files in the home directory.
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def head() -> Iterator[str]:
    """The address of the dashboard of a cluster that belongs to this test alone."""
    # Ray's sockets need a short path; pytest's own directories are too deep.
    directory = tempfile.mkdtemp(prefix="lf-", dir="/tmp")
    dashboard = _free_port()
    command = [str(BINARIES / "ray"), "start", "--head", "--block", "--num-cpus=3"]
    command += ["--node-ip-address=127.0.0.1", f"--port={_free_port()}"]
    command += [f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"]
    command += [f"--dashboard-agent-listen-port={_free_port()}", "--object-store-memory=80000000"]
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


@pytest.mark.timeout(600)  # about 50 s on two idle cores
def test_the_command_runs_as_a_submitted_job(head: str, shards: Path, tmp_path: Path) -> None:
    arguments = ["train", "demo", "network=shufflenet_v2_x0_5", "image.width=32", "image.height=32"]
    arguments += ["batch_size=8", "epochs=2", "--shards", str(shards), "--out", str(tmp_path)]
    command = [str(BINARIES / "ray"), "job", "submit", "--address", head, "--"]
    done = subprocess.run(
        [*command, str(BINARIES / "lostfound"), *arguments, "--workers", "2"],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (model,) = tmp_path.glob("*/model.safetensors")
    assert load_model(model).description.training["epochs"] == 2
