"""Builds a dataset and dies at a given moment: `python -m tests.shards.crash DATASET NUMBER`.

A moment is just before the file system is changed for good: a sync, a rename, a link, a removal.
Without a number it prints how many there are.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shards.build import BuildOptions, build_shards
from shards.layout import DatasetLayout

OPTIONS = BuildOptions(shard_bytes=40_000, mix_licences=True)
MOMENTS = ("fsync", "link", "replace", "rmdir", "unlink")


def main(root: Path, last: int) -> int:
    moments = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **options: Any) -> Any:
            nonlocal moments
            moments += 1
            if moments == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*arguments, **options)

        return changed

    for name in MOMENTS:
        setattr(os, name, counted(getattr(os, name)))
    build_shards(DatasetLayout(root), "main", OPTIONS)
    return moments


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
