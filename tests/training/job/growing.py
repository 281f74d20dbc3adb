"""Trains on a Ray cluster of one node on this machine, to which a second one comes on the way.

`python -m tests.training.job.growing SHARDS RUNS KEY=VALUE…`: its own process, because the tests'
process is a driver of another cluster. Prints how many nodes had a worker before and after.
"""

import sys
import threading
import time
from functools import partial
from pathlib import Path

from ray.cluster_utils import Cluster

from tests.training.conftest import tiny_config
from training.config import config_hash
from training.data.samples import data_sha256
from training.fit.rundir import RunDirectory
from training.job.train import run_training

LOOK_SECONDS = 3.0
"""From one time that Ray looks for more room to the next, instead of its minute."""


def main(shards: Path, runs: Path, overrides: list[str]) -> None:
    """The head has no CPU, and each node has one: a worker for each."""
    import ray
    import ray.train
    from ray._private.state import state

    config = tiny_config(*overrides)
    directory = RunDirectory(runs / config_hash(config, data_sha256(shards)))
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1)]
    ray.init(address=cluster.address, log_to_driver=False)
    ray.train.ScalingConfig = partial(  # type: ignore[assignment,misc]
        ray.train.ScalingConfig, elastic_resize_monitor_interval_s=LOOK_SECONDS
    )

    def count_busy() -> int:
        free = state.available_resources_per_node()
        return sum(free.get(node.node_id, {}).get("CPU", 0) < 1 for node in nodes)

    # Ray starts nodes in the main thread alone.
    training = threading.Thread(target=run_training, args=(config, shards, runs))
    training.start()
    while not directory.rows():
        time.sleep(0.05)
    before, after = count_busy(), 0
    nodes.append(cluster.add_node(num_cpus=1))
    while training.is_alive():
        after = max(after, count_busy())
        time.sleep(0.1)
    ray.shutdown()
    cluster.shutdown()
    print(f"{before} then {after} nodes busy: {directory.path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
