"""What an import format finds: one photograph on disk, or the reason why it is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Problem(StrEnum):
    """Why something that was listed could not be imported: a closed list."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    OUTSIDE = "outside"
    """Its path leads out of the folder that is imported."""
    NO_FILE_NAME = "no_file_name"
    TOO_LARGE = "too_large"
    UNPAIRED = "unpaired"
    """A picture without its label, or a label without its picture."""
    BROKEN_LABEL = "broken_label"


@dataclass(frozen=True, slots=True)
class Found:
    relative: str
    """Path inside the imported folder, with forward slashes: the capture's `source_id`."""
    path: Path | None
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the capture that the format knows without the image's bytes."""
    problem: Problem | None = None
    is_image: bool = True
    """False for a file of a folder that is no photograph, and is counted as skipped."""
    source: str = "file"
    identity: tuple[str, ...] = ()
    """The source's own, from which the key is made; empty for a file that has only its bytes."""
