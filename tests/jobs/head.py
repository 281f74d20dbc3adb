"""A Ray head of its own on loopback, with a job server, started and ended as `ray start` does."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.ports import free_ports

BIN = Path(sys.executable).parent
TOKEN = "0123456789abcdef" * 4
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Head:
    address: str
    folder: Path
    """Ray's session is below it."""
    metrics_port: int
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"

    def submit(self, *words: str, seconds: float = 240) -> "subprocess.CompletedProcess[str]":
        """`lostfound submit` with these words; ends as the user's command does."""
        return subprocess.run(
            [str(BIN / "lostfound"), "submit", "--address", self.address, *words],
            env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip

    def ray(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(BIN / "ray"), *words],
            env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def job(self, name: str) -> dict[str, Any]:
        """What the server says of a job; empty while it knows none."""
        request = urllib.request.Request(f"{self.address}/api/jobs/{name}", headers=AUTHORIZED)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except urllib.error.HTTPError:
            return {}

    def figures(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """What the node's metrics endpoint says now of one name, by labels; nothing before it is
        up."""
        address = f"http://127.0.0.1:{self.metrics_port}/metrics"
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                families = text_string_to_metric_families(answer.read().decode())
        except urllib.error.URLError:
            return {}
        samples = (sample for family in families for sample in family.samples)
        return {frozenset(s.labels.items()): s.value for s in samples if s.name == name}

    def end(self) -> None:
        """All its processes at once."""
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait_for_port(port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end, f"nothing listens on {port}"
        time.sleep(0.1)


@contextmanager
def ray_head(cpus: int = 2, **variables: str) -> Iterator[Head]:
    """A head that is up; all its processes are gone afterwards."""
    # Not pytest's own folder: the names of Ray's sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    job_port, metrics_port, agent_port, agent_grpc_port = free_ports(4)
    token = folder / "token"
    token.write_text(TOKEN)
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        **variables,
    }
    command = [
        str(BIN / "ray"), "start", "--head", "--block", f"--num-cpus={cpus}", "--port=0",
        "--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1",
        f"--dashboard-port={job_port}", f"--metrics-export-port={metrics_port}",
        f"--dashboard-agent-listen-port={agent_port}",
        f"--dashboard-agent-grpc-port={agent_grpc_port}", f"--temp-dir={folder}",
    ]  # fmt: skip
    log = open(folder / "ray-start.log", "w")  # noqa: SIM115
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{job_port}"
    head = Head(address, folder, metrics_port, environment, process)
    try:
        _wait(address, process, folder)
        yield head
    finally:
        head.end()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(f"{address}/api/version", timeout=5)
        except urllib.error.HTTPError:
            return  # it answers, and wants the token
        except OSError:
            pass
        said = (folder / "ray-start.log").read_text()
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.1)
