"""The database of the steps that look at a whole dataset: bounded memory, the rest on disk."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from shards.atomic import TEMPORARY_PREFIX
from shards.errors import WorkError

MEMORY_BYTES = 2 << 30
"""What DuckDB may keep in memory, whatever the size of the dataset and of the machine."""


@contextmanager
def connect(folder: Path, memory_bytes: int = MEMORY_BYTES) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory database. Beyond `memory_bytes` its tables and joins spill into `folder`.

    Times are UTC. Rows come in no particular order unless the query orders them. Raises WorkError
    when a query needs more than memory and disk give.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A killed run's leftover has the name that the next run removes.
    spill = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-spill"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_bytes}B",
        "temp_directory": str(spill),
        # DuckDB may then stream results that it would otherwise collect to put them in order.
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(config=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            yield connection
    except duckdb.OutOfMemoryException as error:
        problem = str(error).splitlines()[0]
        raise WorkError(f"{folder}: out of memory or disk ({problem}); free some disk") from None
    finally:
        shutil.rmtree(spill, ignore_errors=True)
