"""What one call of an export's writer gets, and what a format is."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from shards.manifest import FileEntry, metadata_path


@dataclass(frozen=True, slots=True)
class ExportTask:
    """One shard of the set, to be written in another format."""

    directory: Path
    """Of the shard set."""
    out: Path
    tar: FileEntry
    split: str
    number: int
    """Of the shard within its split."""
    image: str
    """The extension of the image members."""
    most_samples: int
    """Of any shard of the export, with `failed`."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Captures that became no sample, for formats that list those."""

    def identity(self, form: str) -> str:
        """A digest of everything that decides the bytes of this task's files."""
        what = [form, self.tar.sha256, self.number, self.most_samples, self.failed]
        return hashlib.sha256(json.dumps(what, default=str).encode()).hexdigest()

    def rows(self) -> pa.Table:
        """The shard's metadata."""
        return pq.read_table(self.directory / metadata_path(self.tar.path))


class ExportFormat(Protocol):
    """A format: which files a task makes, and how."""

    name: str
    lists_failed: bool
    """Whether it has rows for captures that became no sample."""

    def check(self, tasks: Sequence[ExportTask]) -> None:
        """Raises UsageError for what the format cannot hold."""

    def files(self, task: ExportTask) -> list[str]:
        """Paths below `out`, in order; made from metadata alone."""

    def write(self, task: ExportTask) -> None:
        """Writes these files, each of which appears whole."""

    def finish(self, out: Path, tasks: Sequence[ExportTask]) -> list[str]:
        """Writes what describes them all; returns those paths."""
