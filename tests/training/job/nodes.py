"""Trains on a Ray cluster of three nodes on this machine and takes one of them away on the way.

`python -m tests.training.job.nodes SHARDS RUNS KEY=VALUE…`: its own process, because the tests'
process is a driver of another cluster. Prints the run's directory.
"""

import sys
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster

from tests.training.conftest import tiny_config
from training.config import config_hash
from training.data.samples import data_sha256
from training.fit.rundir import RunDirectory
from training.job.train import run_training


def main(shards: Path, runs: Path, overrides: list[str]) -> None:
    """The head has no CPU: both workers are on nodes that can go."""
    import ray

    config = tiny_config(*overrides)
    directory = RunDirectory(runs / config_hash(config, data_sha256(shards)))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)

    def remove_one() -> None:
        while not directory.rows():
            time.sleep(0.05)
        cluster.remove_node(nodes[0], allow_graceful=False)

    threading.Thread(target=remove_one, daemon=True).start()
    run_training(config, shards, runs)
    alive = sum(node["Alive"] for node in ray.nodes())
    ray.shutdown()
    cluster.shutdown()
    print(f"{alive} nodes alive: {directory.path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
