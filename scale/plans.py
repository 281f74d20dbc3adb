"""The planners over many samples: `python -m scale.plans loader|shards N`, apart for memory."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shards.errors import WorkError

SHARD_SAMPLES = 10_000
SAMPLE_BYTES = 16_384
NODES = 1 << 20
"""`build` plans samples together whose positions begin with the same 20 bits."""


def loader(samples: int) -> dict[str, Any]:
    """One epoch's order, and what a rank of 8 reads of it."""
    import numpy as np

    from training.data.counter import mix
    from training.data.plan import Order, share, steps_per_epoch

    numbers = np.arange(samples)
    order = Order(mix(numbers.astype(np.uint64)), numbers % 200, numbers // SHARD_SAMPLES, seed=1)
    begin = time.perf_counter()
    indices = order.epoch(0)
    mine = share(256, 8, 3)
    read = sum(
        len(indices[step * 256 : (step + 1) * 256][mine])
        for step in range(steps_per_epoch(samples, 256))
    )
    return {"seconds": round(time.perf_counter() - begin, 2), "read_by_one_of_8": read}


def shards(samples: int) -> dict[str, Any]:
    """Which sample goes into which shard of 512 MiB."""
    from shards.build import DEFAULT_SHARD_BYTES
    from shards.keys import HASH_RANGE
    from shards.plan import Placed, plan_shards

    nodes = min(samples, NODES)

    def placed() -> Iterator[Placed]:
        for node in range(nodes):
            count = samples * (node + 1) // nodes - samples * node // nodes
            yield Placed("train", node * HASH_RANGE // nodes, count * SAMPLE_BYTES, count)

    begin = time.perf_counter()
    plans = list(plan_shards(placed(), DEFAULT_SHARD_BYTES))
    seconds = time.perf_counter() - begin
    assert sum(plan.samples for plan in plans) == samples
    return {"seconds": round(seconds, 2), "shards": len(plans)}


PLANNERS = {"loader": loader, "shards": shards}


def measure_plan(name: str, samples: int) -> dict[str, Any]:
    """One of `PLANNERS` in a process of its own: its seconds and its memory."""
    command = [sys.executable, "-m", "scale.plans", name, str(samples)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    if done.returncode:
        raise WorkError(
            f"bench scale: the plan of {samples} samples failed ({done.returncode}); give fewer"
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    from queries.bench.tasks import peak_bytes

    planned = PLANNERS[sys.argv[1]](int(sys.argv[2]))
    samples_and_memory = {
        "samples": int(sys.argv[2]),
        "peak_memory_mb": round(peak_bytes() / 1e6),
    }
    print(json.dumps(planned | samples_and_memory))
