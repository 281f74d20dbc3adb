"""Hosts on one machine: a network namespace each, with its own address, processes, /tmp and sshd.

Needs root, iproute2, util-linux, an OpenSSH server and rsync. The private subnet exists on this
machine only. The repository stands on each host under the path that it has here, and each home
directory is an overlay of root's, so that nothing that a host writes is left behind.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).parents[2]
SUBNET = "10.213.77"
GATEWAY = f"{SUBNET}.1"
"""This machine, as the hosts see it."""
PROGRAMS = ("ip", "unshare", "ssh", "sshd", "rsync", "ssh-keygen", "mount")


def missing() -> str | None:
    """Why hosts cannot be made here; None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    return f"not installed: {', '.join(lacking)}" if lacking else None


def sh(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    folder: Path
    """What is mounted there: `tmp`, and the upper layer of its home."""

    @property
    def link(self) -> str:
        """This machine's end of its cable."""
        return f"{self.name}-out"

    def pids(self) -> list[int]:
        return [int(pid) for pid in sh("ip", "netns", "pids", self.name).split()]

    def cut_off(self) -> None:
        """Pulls the cable: what runs there goes on, unreachable."""
        sh("ip", "link", "set", self.link, "down")

    def join_again(self) -> None:
        sh("ip", "link", "set", self.link, "up")

    def run(self, *command: str) -> "subprocess.Popen[bytes]":
        """A process in the host's network, but not in its file system."""
        return subprocess.Popen(("ip", "netns", "exec", self.name, *command))


class Hosts(AbstractContextManager["Hosts"]):
    """`count` hosts that ssh reaches as root with `key`."""

    def __init__(self, folder: Path, count: int, prefix: str = "lf") -> None:
        self.folder = folder
        self.bridge = f"{prefix}br"
        self.key = folder / "key"
        self.shared = folder / "shared"
        """Under this path on every host, as a network file system would be."""
        self.hosts = [
            Host(f"{prefix}{n}", f"{SUBNET}.{10 + n}", folder / f"{prefix}{n}")
            for n in range(1, count + 1)
        ]

    def __enter__(self) -> Self:
        self.shared.mkdir(parents=True)
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        try:
            sh("ip", "link", "add", self.bridge, "type", "bridge")
            sh("ip", "address", "add", f"{GATEWAY}/24", "dev", self.bridge)
            sh("ip", "link", "set", self.bridge, "up")
            for host in self.hosts:
                self._start(host)
            for host in self.hosts:
                self._wait(host)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def ssh(self, host: Host, command: str) -> str:
        return sh(
            "ssh", "-q", "-i", str(self.key), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", f"root@{host.address}", command,
        )  # fmt: skip

    def _start(self, host: Host) -> None:
        sh("ip", "netns", "add", host.name)
        sh(
            "ip",
            "link",
            "add",
            host.link,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            host.name,
        )
        sh("ip", "link", "set", host.link, "master", self.bridge, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{host.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", GATEWAY),
        ):
            sh("ip", "-n", host.name, *command)
        for part in ("tmp", "home", "work", "run"):
            (host.folder / part).mkdir(parents=True)
        host_key = host.folder / "host_key"
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key))
        shutil.copy(f"{self.key}.pub", host.folder / "authorized_keys")
        (host.folder / "authorized_keys").chmod(0o600)
        script = host.folder / "start.sh"
        script.write_text(self._script(host, host_key))
        with open(host.folder / "sshd.log", "wb") as log:
            subprocess.Popen(
                ["ip", "netns", "exec", host.name, "unshare", "--pid", "--fork", "--mount",
                 "--uts", "--mount-proc", "--kill-child", "sh", str(script)],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _script(self, host: Host, host_key: Path) -> str:
        """What makes the host's own file system, then becomes its ssh server."""
        tmp, home = host.folder / "tmp", Path.home()
        lines = ["set -e", f"hostname {host.name}", "mount --make-rprivate /"]
        for path in (REPOSITORY, self.folder):
            if path.is_relative_to("/tmp"):
                inside = tmp / path.relative_to("/tmp")
                lines += [f"mkdir -p {inside}", f"mount --bind {path} {inside}"]
        options = f"lowerdir={home},upperdir={host.folder}/home,workdir={host.folder}/work"
        copy = home / "lostfound"
        server = (
            f"exec {shutil.which('sshd')} -D -e -p 22 -h {host_key}"
            f" -o ListenAddress={host.address} -o PidFile=none -o UsePAM=no"
            f" -o AuthorizedKeysFile={host.folder}/authorized_keys -o StrictModes=no"
            " -o PasswordAuthentication=no -o PermitRootLogin=yes"
        )
        lines += [
            f"mount -t overlay overlay -o {options} {home}",
            # The environment is the repository's own: installing it thrice would prove nothing.
            f"mkdir -p {copy}/.venv && mount --bind {REPOSITORY}/.venv {copy}/.venv",
            f"mkdir -p {copy}/.tools && mount --bind {REPOSITORY}/.tools {copy}/.tools",
            f"mount --rbind {tmp} /tmp",
            "mkdir -p /run/sshd",
            server,
        ]
        return "\n".join(lines) + "\n"

    def _wait(self, host: Host, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while True:
            with suppress(RuntimeError):
                self.ssh(host, "true")
                return
            if time.monotonic() > end:
                raise RuntimeError((host.folder / "sshd.log").read_text())
            time.sleep(0.2)

    def _end(self) -> None:
        for host in self.hosts:
            with suppress(RuntimeError):
                self._kill(host)
                sh("ip", "netns", "delete", host.name)
            sh("ip", "link", "delete", host.link, check=False)
        sh("ip", "link", "delete", self.bridge, check=False)

    def _kill(self, host: Host) -> None:
        for _ in range(50):
            if not (pids := host.pids()):
                return
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        raise RuntimeError(f"{host.name}: processes {host.pids()} do not end")
