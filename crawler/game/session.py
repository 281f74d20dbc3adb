"""The cookies of a signed-in account, in a file that only its owner can read at any time."""

import json
import os
from pathlib import Path
from typing import Any

from shards.atomic import atomic_path


def read_session(path: Path) -> dict[str, Any] | None:
    """What Playwright calls a storage state; None when there is none: whoever has none signs in."""
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def write_session(path: Path, state: Any) -> None:
    """Replaces the file. Its mode is 0600 from its first byte on, whatever the umask."""
    with atomic_path(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(json.dumps(state).encode())
