"""Where a machine, or all machines of a cluster, keep what belongs to something at an address."""

import hashlib
import os
import re
from pathlib import Path

STATE_VARIABLE = "LOSTFOUND_STATE"


def local_state(url: str) -> Path:
    """The folder of this machine for what is at `url`: below LOSTFOUND_STATE if that is set."""
    base = os.environ.get(STATE_VARIABLE)
    if not base:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        base = str(Path(home) / "lostfound")
    address = url.rstrip("/")
    stem = re.sub(r"[^A-Za-z0-9]+", "-", address.partition("://")[2]).strip("-")[-40:]
    return Path(base) / f"{stem}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"
