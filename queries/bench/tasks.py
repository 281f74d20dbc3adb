"""What `bench mapping` measures, each in a process of its own: `python -m queries.bench.tasks`.

Ours are the functions that the commands call. The baseline is what one writes with pandas: it
reads the columns that it needs, and its order is that of pandas' own hash.
"""

import importlib
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from queries.distribution.mapping import quotas
from queries.distribution.quotas import dataset_pool
from queries.selection.candidates import gather
from queries.selection.choose import choose
from queries.selection.options import Options
from queries.views.catalogue import connect
from shards.layout import DatasetLayout

MIN_SHARE, SLACK = Fraction("0.001"), Fraction("0.5")
_ROUNDS = 20


def target(pool: dict[str, int]) -> dict[str, int]:
    """A target for some two thirds of the countries, unlike the pool."""
    return {code: 100 + 7 * (number % 40) for number, code in enumerate(sorted(pool)) if number % 3}


def count_ours(layout: DatasetLayout, _: int) -> dict[str, Any]:
    return {"pool": dataset_pool(layout, "country_code")}


def count_pandas(layout: DatasetLayout, _: int) -> dict[str, Any]:
    import pandas as pd

    rows = pd.read_parquet(layout.enriched, columns=["country_code", "status"])
    kept = rows[rows["status"] == "kept"]
    return {"pool": kept["country_code"].value_counts().sort_index().to_dict()}


def map_ours(layout: DatasetLayout, _: int) -> dict[str, Any]:
    """By region: there are more of them."""
    from queries.distribution.mapping import quotas

    pool = dataset_pool(layout, "region_id")
    wanted = target(pool)
    return timed(lambda: quotas(pool, wanted, Fraction("0.0001"), SLACK).total)


def map_pandas(layout: DatasetLayout, _: int) -> dict[str, Any]:
    """The same with floats, whose ceilings may be off by one."""
    import numpy as np
    import pandas as pd

    pool = dataset_pool(layout, "region_id")
    wanted = target(pool)

    def total() -> int:
        table = pd.DataFrame({"n": pd.Series(pool), "t": pd.Series(wanted)}).fillna(0)
        core = (table["t"] > 0) & (table["n"] >= 0.0001 * table["n"].sum())
        scale = (table["n"] / table["t"])[core].min()
        joins = ~core & (table["t"] > 0) & (table["n"] >= float(SLACK) * scale * table["t"])
        quota = np.ceil(table["t"] * scale).where(core, 0)
        return int(quota.where(~joins, np.ceil(float(SLACK) * table["n"])).sum())

    return timed(total)


def timed(work: Callable[[], int]) -> dict[str, Any]:
    begin, used = time.perf_counter(), time.process_time()
    for _ in range(_ROUNDS):
        total = work()
    return {
        "seconds": (time.perf_counter() - begin) / _ROUNDS,
        "cpu_seconds": (time.process_time() - used) / _ROUNDS,
        "total": total,
    }


def options(layout: DatasetLayout, size: int) -> Options:
    like = target(dataset_pool(layout, "country_code"))
    return Options(like=like, min_share=MIN_SHARE, slack=SLACK, limit=size)


def choose_ours(layout: DatasetLayout, size: int) -> dict[str, Any]:
    """From the files to the table of chosen keys, the counts for the target included."""
    with connect(layout, bounded=True) as connection:
        wanted = options(layout, size)
        gather(connection, wanted)
        choose(connection, wanted)
        [(rows,)] = connection.execute("SELECT count(*) FROM chosen").fetchall()
    return {"rows": rows}


def choose_pandas(layout: DatasetLayout, size: int) -> dict[str, Any]:
    """The same number of rows per country, in the stable order that pandas has a hash for."""
    import pandas as pd

    columns = ["key", "country_code", "status", "license", "attribution"]
    rows = pd.read_parquet(layout.enriched, columns=columns)
    rows = rows[(rows["status"] == "kept") & rows["license"].notna() & rows["attribution"].notna()]
    pool = {str(code): n for code, n in rows["country_code"].value_counts().items()}
    mapping = quotas(pool, target(pool), MIN_SHARE, SLACK)
    rows = rows[rows["country_code"].isin(list(mapping.quotas))]
    rows = rows.assign(position=pd.util.hash_pandas_object(rows["key"], index=False))
    rows = rows.sort_values(["position", "key"])
    rank = rows.groupby("country_code").cumcount()
    chosen = rows[rank < rows["country_code"].map(mapping.quotas)].head(size)
    return {"rows": len(chosen)}


def select_ours(layout: DatasetLayout, size: int) -> dict[str, Any]:
    """The whole command: splits, labels, leak check, and the files of the selection."""
    from queries.selection.select import select

    record = select(layout, "bench", options(layout, size))
    return {"rows": sum(record["counts"].values())}


TASKS = (
    count_ours,
    count_pandas,
    map_ours,
    map_pandas,
    choose_ours,
    choose_pandas,
    select_ours,
)


_IMPORTS = {
    "count_pandas": "pandas",
    "map_pandas": "pandas",
    "choose_pandas": "pandas",
    "select_ours": "queries.selection.select",
}


def peak_bytes() -> int:
    """The most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) << 10
    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(name: str, layout: DatasetLayout, size: int) -> dict[str, Any]:
    """What a task of `TASKS` finds, its seconds, and the memory of this process."""
    [task] = [task for task in TASKS if task.__name__ == name]
    # Imports are not measured, and no task has those of another in its memory.
    importlib.import_module(_IMPORTS.get(name, "queries.selection.choose"))
    begin, used = time.perf_counter(), time.process_time()
    result = task(layout, size)
    whole = {
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": time.process_time() - used,
        "peak_bytes": peak_bytes(),
    }
    return whole | result


if __name__ == "__main__":
    _, name, root, size = sys.argv
    print(json.dumps(measure(name, DatasetLayout(Path(root)), int(size))))
