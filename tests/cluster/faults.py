"""What goes wrong on purpose, and waiting for what comes of it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.cluster.cluster import Cluster
from tests.cluster.hosts import Host

NOTICED_SECONDS = 240.0
"""Ray declares a silent node dead after about a minute, on a busy machine later."""

Job = Future["subprocess.CompletedProcess[str]"]


@contextmanager
def running(cluster: Cluster, *arguments: str, seconds: float = 900) -> Iterator[Job]:
    """The command as a job, while the block disturbs it; the block takes its result."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(cluster.submit, *arguments, seconds=seconds)


def wait_until(condition: Callable[[], bool], what: str, job: Job, seconds: float = 300) -> None:
    """Until the condition holds; fails when the job ends before, which was to be disturbed."""
    end = time.monotonic() + seconds
    while not condition():
        assert not job.done(), f"the job ended before {what}: {job.result().stdout[-3000:]}"
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def kill(cluster: Cluster, host: Host, pattern: str, *, how_many: int = 1) -> None:
    """`kill -9` on processes of one host whose command line matches."""
    pids = cluster.hosts.ssh(host, f"pgrep -f '{pattern}' || true").split()[:how_many]
    assert pids, f"nothing like {pattern} on {host.name}"
    cluster.hosts.ssh(host, f"kill -9 {' '.join(pids)}")


def cut_until_noticed(cluster: Cluster, host: Host) -> None:
    """Off the network until the cluster has given the host up, then on it again."""
    alive = cluster.nodes()
    host.cut_off()
    try:
        cluster.wait_for_nodes(alive - 1, NOTICED_SECONDS)
    finally:
        host.join_again()
