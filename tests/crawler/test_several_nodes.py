"""A fleet on a real cluster of several nodes: the frontier's actor serves them all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1, resources={"browser": 2})
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
from crawler.crawl import CrawlPlan, run_crawl
from crawler.frontier import NewTask
from crawler.queue import Queue, open_queue
from tests.crawler.counting import CountingJob

directory = Path(sys.argv[1])
assert open_queue(directory).owner is not None
nodes = set()
job = CountingJob(
    directory, Queue(directory), dies_at="task-005", pause=0.1, needs=(("CPU", 0.2), ("browser", 1))
)
plan = CrawlPlan(
    job=job,
    tasks=[NewTask(f"task-{n:03d}") for n in range(200)],
    address="nowhere",
    watches=[lambda stats, _: nodes.update(one.writer for one in stats if one.captures)],
)
summary = run_crawl(plan, workers=2)
print(json.dumps({**summary.to_dict(), "writers": sorted(nodes)}))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.timeout(300)
def test_workers_of_another_node_share_the_frontier(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    assert (summary["tasks"], summary["captures"], summary["workers_replaced"]) == (200, 200, 1)
    assert summary["writers"] == ["count-0", "count-1"]
