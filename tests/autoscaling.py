"""The groups of `ray_cluster.yaml` under Ray's own autoscaler; nodes are processes here."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from ray.util import get_node_ip_address

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
ADDRESS = get_node_ip_address()
"""Ray 2.60 replaces a loopback address by this one."""
HEAD_TYPE = "ray.head.default"
HEAD_ID = "f" * 51 + "00000"
"""Both as Ray's provider of such nodes names the head."""
NODES = """
import json, ray
ray.init(log_to_driver=False, logging_level="ERROR")
print(json.dumps([node["Resources"] for node in ray.nodes() if node["Alive"]]))
"""
EMPTY = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
)
"""What is said of machines alone."""
KINDS = ("CPU", "GPU", "browser")
UP_SECONDS = 60


@dataclass(frozen=True)
class GrowingCluster:
    environment: dict[str, str]
    """Of its drivers."""
    groups: dict[str, dict[str, float]]
    """What one node of each group has, by the group's name."""

    def run(self, *command: str, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """A program of the environment, as a driver of this cluster."""
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env=self.environment,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def nodes(self) -> Counter[str]:
        """How many there are of each group, without the head."""
        out = self.run("python", "-c", NODES, seconds=60)
        assert out.returncode == 0, out.stderr
        found: Counter[str] = Counter()
        for resources in json.loads(out.stdout.splitlines()[-1]):
            for name, has in self.groups.items():
                if all(resources.get(kind, 0) == has.get(kind, 0) for kind in KINDS):
                    found[name] += 1
        return found


@contextmanager
def growing(idle_minutes: float = 0.2) -> Iterator[GrowingCluster]:
    """A cluster that begins as a head, and takes away what is idle for so long."""
    config = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    # A socket's path has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    port = free_port(ADDRESS)
    address = f"{ADDRESS}:{port}"
    head = config["available_node_types"][config["head_node_type"]]["resources"]
    file = folder / "cluster.json"
    file.write_text(json.dumps(_on_this_machine(config, address, idle_minutes)))
    command = [
        str(BIN / "ray"), "start", "--head", "--block", f"--port={port}",
        f"--autoscaling-config={file}", "--include-dashboard=false",
        f"--temp-dir={folder / 'ray'}", f"--num-cpus={int(head['CPU'])}", "--num-gpus=0",
        f"--resources={json.dumps({k: v for k, v in head.items() if k != 'CPU'})}",
        "--disable-usage-stats",
    ]  # fmt: skip
    token = folder / "auth_token"
    token.write_text("0123456789abcdef" * 4)
    drivers = os.environ | {
        "RAY_ADDRESS": address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)
    }  # fmt: skip
    environment = {
        "RAY_FAKE_CLUSTER": "1",
        # The one that `ray up` asks for.
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }
    with open(folder / "log", "wb") as log:
        ray = subprocess.Popen(command, env=drivers | environment, stdout=log, stderr=log)
    try:
        _wait_for_port(port)
        groups = {
            name: group["resources"]
            for name, group in config["available_node_types"].items()
            if name != config["head_node_type"]
        }
        yield GrowingCluster(drivers, groups)
    finally:
        ray.terminate()
        ray.wait()
        _end_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _on_this_machine(config: dict[str, Any], address: str, idle_minutes: float) -> dict[str, Any]:
    """The same groups; only what a cloud would be told about machines is gone."""
    head, groups = config["head_node_type"], config["available_node_types"]
    return {
        **{key: config[key] for key in ("cluster_name", "max_workers", "upscaling_speed")},
        "idle_timeout_minutes": idle_minutes,
        "provider": {
            "type": "external", "module": PROVIDER, "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True, "launch_multiple": True,
            "head_node_id": HEAD_ID, "gcs_address": address,
        },
        "available_node_types": {
            HEAD_TYPE if name == head else name: {**group, "node_config": {}}
            for name, group in groups.items()
        },
        "head_node_type": HEAD_TYPE,
        **{key: {} for key in ("auth", "docker", "file_mounts")},
        **{key: [] for key in EMPTY},
        "file_mounts_sync_continuously": False,
    }  # fmt: skip


def _end_all(folder: Path) -> None:
    """`ray stop` would end every Ray of this machine; this ends the cluster in `folder`."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + UP_SECONDS
    while True:
        with suppress(OSError), socket.create_connection((ADDRESS, port), 1):
            return
        assert time.monotonic() < end, f"nothing listens on {port}"
        time.sleep(0.2)
