"""The captures of a dataset: those in the making, and those that arrived."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from crawler.crawl import count_captures
from shards.local_state import STATE_VARIABLE, local_state
from tests.cluster.bucket import BUCKET, Bucket
from tests.cluster.cluster import Cluster


@dataclass(frozen=True)
class Arrived:
    """What stands in `raw/<source>` of a dataset behind `s3://`."""

    sha256: dict[str, str]
    """Of each picture, by key."""
    times: Counter[str]
    """How often each key stands there."""
    nodes: set[str]
    """Host names of the workers that captured anything in the last run."""


def state_of(cluster: Cluster, dataset: str, source: str) -> Path:
    """The folder on shared storage where a crawl into `dataset` keeps what is not sent yet."""
    with patch.dict(os.environ, {STATE_VARIABLE: str(cluster.hosts.shared)}):
        return local_state(f"s3://{BUCKET}/{dataset}") / "raw" / source


def in_the_making(cluster: Cluster, dataset: str, source: str) -> int:
    """Captures that are committed so far."""
    return count_captures(state_of(cluster, dataset, source))


def arrived(cluster: Cluster, dataset: str, source: str) -> Arrived:
    bucket, folder = Bucket(cluster), f"{dataset}/raw/{source}"

    def lines(name: str) -> list[str]:
        return bucket.read(f"{folder}/{name}").decode().splitlines()

    segments = [name for name in bucket.names(folder) if name.endswith(".rows.jsonl")]
    rows = [json.loads(line) for name in segments for line in lines(name)[1:]]
    workers = json.loads(lines("stats.jsonl")[-1])["workers"]
    return Arrived(
        sha256={row["key"]: row["sha256"] for row in rows},
        times=Counter(row["key"] for row in rows),
        nodes={worker["node"] for worker in workers if worker["captures"]},
    )
