"""How long all pairs among millions of hashes take, and how much memory: in a process of its own.

`python -m enrich.bench.hashes 10000000 6 2` prints one JSON object.
"""

import json
import resource
import sys
import time
from itertools import combinations, pairwise
from pathlib import Path

import duckdb
import numpy as np

from enrich.duplicates.hamming import BITS, Hashes, choose_bands, near_within

PLANTED_SHARE = 1000
"""One planted pair for so many hashes."""


def planted(count: int, distance: int) -> tuple[Hashes, dict[tuple[int, int], int]]:
    """Random hashes of which some are others with 0 to `distance` bits flipped, and which."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**BITS, count, dtype=np.uint64)
    rows = random.choice(count, 2 * (count // PLANTED_SHARE), replace=False).reshape(-1, 2)
    pairs = {}
    for one, other in np.sort(rows, axis=1):
        bits = random.choice(BITS, random.integers(0, distance + 1), replace=False)
        flipped = np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=0)
        hashes[other] = hashes[one] ^ np.uint64(flipped)
        pairs[int(one), int(other)] = len(bits)
    return hashes, pairs


def measure(count: int, distance: int, threads: int) -> dict[str, float]:
    """Seconds, peak memory of this process in MB, pairs found, and the recall of the planted."""
    hashes, pairs = planted(count, distance)
    begin = time.perf_counter()
    found = {
        (int(one), int(other)): int(apart)
        for near in near_within(hashes, distance, threads=threads)
        for one, other, apart in zip(near.left, near.right, near.distance, strict=True)
    }
    seconds = time.perf_counter() - begin
    right = sum(found.get(pair) == apart for pair, apart in pairs.items())
    return {
        "seconds": round(seconds, 1),
        "memory_mb": peak_memory_mb(),
        "pairs": len(found),
        "recall": right / len(pairs) if pairs else 1.0,
    }


def peak_memory_mb() -> int:
    """The most memory that this process has held.

    Linux says it in /proc; `getrusage` counts what the parent held when it made the process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) // 1024
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit >> 20


def duckdb_band_join(hashes: Hashes, distance: int, threads: int) -> tuple[float, int]:
    """The baseline: the same bands as joins of DuckDB. Seconds, and how many pairs it finds."""
    count, equal = choose_bands(len(hashes), len(hashes), distance)
    edges = [round(BITS * number / count) for number in range(count + 1)]
    bands = [
        f"(h >> {low}) & {(1 << (high - low)) - 1} AS b{number}"
        for number, (low, high) in enumerate(pairwise(edges))
    ]
    joins = [
        "SELECT a.i AS one, b.i AS other FROM banded AS a JOIN banded AS b ON "  # noqa: S608
        + " AND ".join(f"a.b{band} = b.b{band}" for band in choice)
        + f" AND a.i < b.i AND bit_count(xor(a.h, b.h)) <= {distance}"
        for choice in combinations(range(count), equal)
    ]
    begin = time.perf_counter()
    with duckdb.connect(config={"threads": threads}) as connection:
        rows = {"i": np.arange(len(hashes)), "h": hashes}
        connection.register("hashes", rows)
        connection.execute(
            f"CREATE TABLE banded AS SELECT i, h, {', '.join(bands)} FROM hashes"  # noqa: S608
        )
        [(pairs,)] = connection.execute(
            f"SELECT count(*) FROM ({' UNION '.join(joins)})"  # noqa: S608 - numbers only
        ).fetchall()
    return time.perf_counter() - begin, int(pairs)


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
