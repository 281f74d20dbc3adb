"""A cluster of hosts on this machine, started and ended as a user does: `ray up`, `ray down`."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import yaml

from tests.cluster.hosts import GATEWAY, REPOSITORY, Host, Hosts
from tests.ports import free_port

BIN = REPOSITORY / ".venv" / "bin"
JOBS = "http://127.0.0.1:8265"
GAME_PORT = 8000
STORAGE = {
    "AWS_ACCESS_KEY_ID": "key-for-tests",
    "AWS_SECRET_ACCESS_KEY": "secret-for-tests",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
RAY_GIVES_UP_SECONDS = 90
"""A worker ends by itself when its head has been gone for a minute."""


@dataclass(frozen=True)
class Cluster:
    hosts: Hosts
    file: Path
    environment: dict[str, str]
    storage: dict[str, str]

    def ray(self, *arguments: str, seconds: float = 300) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(BIN / "ray"), *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def submit(self, *arguments: str, seconds: float = 600) -> "subprocess.CompletedProcess[str]":
        """`lostfound` with these arguments as a job; its exit code is the job's."""
        settings = json.dumps({"env_vars": self.storage})
        return self.ray(
            "job", "submit", "--address", JOBS, "--runtime-env-json", settings, "--",
            "lostfound/.venv/bin/lostfound", *arguments, seconds=seconds,
        )  # fmt: skip

    def nodes(self) -> int:
        """Hosts that Ray counts as alive."""
        head = self.hosts.hosts[0]
        script = (
            "import ray; ray.init(log_to_driver=False);"
            " print('alive:', sum(n['Alive'] for n in ray.nodes()))"
        )
        out = self.hosts.ssh(
            head, f'RAY_AUTH_MODE=token ~/lostfound/.venv/bin/python -c "{script}" 2>/dev/null'
        )
        # Ray prints there too what it tells of its machines.
        (alive,) = re.findall(r"^alive: (\d+)$", out, re.MULTILINE)
        return int(alive)

    def wait_for_nodes(self, count: int, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while (found := self.nodes()) != count:
            assert time.monotonic() < end, f"{found} nodes instead of {count}"
            time.sleep(2)

    def ray_processes(self) -> dict[str, list[str]]:
        """What of Ray runs on each host."""
        found = {}
        for host in self.hosts.hosts:
            names = self.hosts.ssh(host, "ps ax -o comm=").split("\n")
            found[host.name] = [n for n in names if n.startswith(("raylet", "ray::", "gcs_server"))]
        return found

    def hosts_that_run(self, name: str) -> list[Host]:
        """Where a process has this name, as far as `ps` shows it: 15 characters."""
        running = self.ray_processes()
        return [host for host in self.hosts.hosts if name[:15] in running[host.name]]

    def wait_until_nothing_runs(self) -> None:
        end = time.monotonic() + RAY_GIVES_UP_SECONDS
        while any(left := self.ray_processes().values()):
            assert time.monotonic() < end, f"still there: {list(left)}"
            time.sleep(3)


@contextmanager
def started(folder: Path, hosts: int = 3, browsers: int = 2) -> Iterator[Cluster]:
    """A cluster that is up, with storage behind s3:// and the game on each host's loopback."""
    with ExitStack() as stack:
        machines = stack.enter_context(Hosts(folder / "hosts", hosts))
        port = stack.enter_context(_storage())
        _serve_game(stack, machines)
        cluster = _cluster(folder, machines, port, browsers)
        stack.callback(cluster.ray, "down", "-y", str(cluster.file))
        up = cluster.ray("up", "-y", str(cluster.file))
        assert up.returncode == 0, up.stdout[-2000:] + up.stderr[-2000:]
        tunnel = subprocess.Popen(
            [str(BIN / "ray"), "dashboard", str(cluster.file)],
            cwd=REPOSITORY, env=cluster.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(_end, tunnel)
        _wait_for_port("127.0.0.1", 8265)
        cluster.wait_for_nodes(hosts)
        yield cluster


def _cluster(folder: Path, hosts: Hosts, port: int, browsers: int) -> Cluster:
    """`cluster/onprem.yaml` with what a user fills in."""
    token = folder / "auth_token"
    token.write_text("0123456789abcdef" * 4)
    config = yaml.safe_load((REPOSITORY / "cluster" / "onprem.yaml").read_text())
    first, *others = hosts.hosts
    config["provider"] |= {"head_ip": first.address, "worker_ips": [h.address for h in others]}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(hosts.key)}
    config["min_workers"] = config["max_workers"] = len(others)
    config["file_mounts"]["~/.ray/auth_token"] = str(token)
    text = yaml.safe_dump(config).replace("/srv/lostfound", str(hosts.shared))
    text = text.replace("LOSTFOUND_STATE=", f"LOSTFOUND_BROWSERS={browsers} LOSTFOUND_STATE=")
    file = folder / "onprem.yaml"
    file.write_text(text)
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        # The launcher keeps the state of a `local` cluster in a temporary folder.
        "TMPDIR": str(folder),
    }
    storage = STORAGE | {"AWS_ENDPOINT_URL": f"http://{GATEWAY}:{port}"}
    return Cluster(hosts, file, environment, storage)


@contextmanager
def _storage() -> Iterator[int]:
    port = free_port(GATEWAY)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", GATEWAY, "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for_port(GATEWAY, port)
        storage(port).create_bucket(Bucket="lostfound")
        yield port
    finally:
        _end(server)


def storage(port: int) -> "boto3.client":
    return boto3.client(
        "s3",
        endpoint_url=f"http://{GATEWAY}:{port}",
        aws_access_key_id=STORAGE["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=STORAGE["AWS_SECRET_ACCESS_KEY"],
        region_name=STORAGE["AWS_DEFAULT_REGION"],
    )


def _serve_game(stack: ExitStack, hosts: Hosts) -> None:
    """The bundled game on this machine, and a relay to it on every host's loopback address."""
    port = free_port()
    game = subprocess.Popen(
        [str(BIN / "lostfound"), "playground", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(_end, game)
    _wait_for_port("127.0.0.1", port)
    relay = [sys.executable, "-m", "tests.cluster.relay"]
    outer = subprocess.Popen([*relay, GATEWAY, str(port), "127.0.0.1", str(port)], cwd=REPOSITORY)
    stack.callback(_end, outer)
    for host in hosts.hosts:
        inner = host.run(*relay, "127.0.0.1", str(GAME_PORT), GATEWAY, str(port))
        stack.callback(_end, inner)


def _wait_for_port(address: str, port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection((address, port), 1):
            return
        assert time.monotonic() < end, f"nothing listens on {address}:{port}"
        time.sleep(0.2)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
