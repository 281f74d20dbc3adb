"""Trains on a Ray cluster of three nodes on this machine and takes one of them away on the way.

`python -m tests.training.job.nodes SPARES SHARDS RUNS KEY=VALUE…`: its own process, because the
tests' process is a driver of another cluster. SPARES: nodes that could take a worker of the lost
one. Prints how many nodes are left.
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


def main(spares: int, shards: Path, runs: Path, overrides: list[str]) -> None:
    """The head has no CPU: the workers are on nodes that can go."""
    import ray
    from ray._private.state import state

    config = tiny_config(*overrides)
    directory = RunDirectory(runs / config_hash(config, data_sha256(shards)))
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    # One CPU each, so that no node has both workers.
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2 + spares)]
    ray.init(address=cluster.address, log_to_driver=False)

    def remove_one() -> None:
        while not directory.rows():
            time.sleep(0.05)
        free = state.available_resources_per_node()
        (taken, *_) = (node for node in nodes if free[node.node_id].get("CPU", 0) < 1)
        cluster.remove_node(taken, allow_graceful=False)

    threading.Thread(target=remove_one, daemon=True).start()
    run_training(config, shards, runs)
    alive = sum(node["Alive"] for node in ray.nodes())
    ray.shutdown()
    cluster.shutdown()
    print(f"{alive} nodes alive: {directory.path}")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
