"""Download and enrich against img2dataset: the same addresses, the same size, two processes each."""

from pathlib import Path
from typing import Any


def bench_urls(
    *, images: int = 2000, rounds: int = 3, img2dataset: Path | None = None
) -> dict[str, Any]:
    raise NotImplementedError
