"""What counts as a duplicate: stored beside the catalogue, changed without touching any part."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from enrich.duplicates.hamming import MAX_DISTANCE
from shards.atomic import write_json
from shards.errors import UsageError
from shards.layout import DatasetLayout

OPTIONS_FILE = "duplicates.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateOptions:
    """Equal keys, bytes and positions are always duplicates."""

    similar: bool = True
    """Drop changed copies of one picture: crops, other sizes, small turns, captions."""
    hash_distance: int = 6
    """Pictures with hashes at most so many bits apart are looked at; the hashes have 64 bits."""
    min_agreement: float = 0.72
    """Least share of blocks that agree once one picture is laid over the other. Two streets seen
    over the same dashboard reach 0.69; a picture with and without a watermark 0.74."""
    min_overlap: float = 0.75
    """Least share of the picture that shows more which the other one must show too."""
    same_view_m: float = 0.0
    """Drop what was taken nearer than this to a better one in the same direction; 0: off."""
    heading_tolerance: float = 20.0
    """Degrees between two headings that are the same direction."""
    thin_m: float = 0.0
    """Keep no two of one sequence nearer than this; 0: off."""

    def __post_init__(self) -> None:
        if not 0 <= self.hash_distance <= MAX_DISTANCE:
            raise UsageError(f"hash_distance {self.hash_distance}: use 0 to {MAX_DISTANCE}")
        for name in ("min_agreement", "min_overlap"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"{name} {getattr(self, name)}: use a share above 0, up to 1")
        for name in ("same_view_m", "thin_m"):
            if not 0 <= getattr(self, name) <= 10_000:
                raise UsageError(f"{name} {getattr(self, name)}: use metres from 0 to 10000")
        if not 0 <= self.heading_tolerance <= 180:
            raise UsageError(f"heading_tolerance {self.heading_tolerance}: use degrees, 0 to 180")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def changed_options(layout: DatasetLayout, **changes: Any) -> DuplicateOptions:
    """Those of the last run, with the changes that are not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(stored_options(layout), **given)


def store_options(layout: DatasetLayout, options: DuplicateOptions) -> None:
    write_json(layout.catalog / OPTIONS_FILE, options.to_json())


def stored_options(layout: DatasetLayout) -> DuplicateOptions:
    """Those of the last run, or the defaults. Raises UsageError for a file that is not theirs."""
    path = layout.catalog / OPTIONS_FILE
    try:
        return DuplicateOptions(**json.loads(path.read_text()))
    except FileNotFoundError:
        return DuplicateOptions()
    except (ValueError, TypeError):
        raise UsageError(f"{path}: not the options of duplicates; remove it") from None
