"""JSON files that other stages left in a dataset: bounded, and what is wrong with one in a line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

MAX_FILE_BYTES = 64 << 20


def load_json(path: Path) -> Any:
    """Raises OSError for a file that cannot be read, ValueError for one that is not JSON."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name}: larger than {MAX_FILE_BYTES >> 20} MiB")
    return json.loads(path.read_bytes())


def first_line(error: Exception) -> str:
    """What is wrong with a file, in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
    return str(error).partition("\n")[0]
