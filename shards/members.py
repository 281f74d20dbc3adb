"""Which members a stored row has in a tar, and whether the rows of a selection agree on that.

A row's image is a JPEG at the working size, and the captured bytes may stand beside it as the
member `original`; or the image is the captured file itself. Readers want the same members in every
sample, so one build holds rows of one kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from shards.errors import UsageError

JPEG = "jpg"
JSON = "json"
ORIGINAL = "original"

_EXTENSIONS = {
    "JPEG": JPEG,
    "MPO": JPEG,
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tif",
    "BMP": "bmp",
    "AVIF": "avif",
    "HEIF": "heic",
}


class Kept(StrEnum):
    """What became of the captured bytes."""

    NONE = "none"
    BESIDE = "beside"
    INSTEAD = "instead"


# The same as `kept`, for SQL.
KEPT_SQL = (
    f"CASE WHEN original_offset IS NULL THEN '{Kept.NONE}'"
    f" WHEN original_offset = tar_offset THEN '{Kept.INSTEAD}' ELSE '{Kept.BESIDE}' END"
)

_CONDITIONS = {
    Kept.NONE: "original_size IS NULL",
    Kept.BESIDE: "original_offset <> tar_offset",
    Kept.INSTEAD: "original_offset = tar_offset",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What rows must have in common to stand in one build."""

    kept: Kept
    image: str
    """The extension of the image member."""

    @property
    def members(self) -> tuple[str, ...]:
        """The extensions of a sample's members, in their order in a shard."""
        also = (ORIGINAL,) if self.kept is Kept.BESIDE else ()
        return (self.image, JSON, *also)


def extension(file_format: str) -> str:
    """The extension of a captured file, by its format as the rows name it."""
    return _EXTENSIONS.get(file_format, "bin")


def kept(row: Mapping[str, Any]) -> Kept:
    """The kind of a row with its `original_offset` and `tar_offset`."""
    if row["original_offset"] is None:
        return Kept.NONE
    return Kept.INSTEAD if row["original_offset"] == row["tar_offset"] else Kept.BESIDE


def kind_of(found: Kept, file_format: str | None) -> Kind:
    return Kind(found, extension(file_format or "") if found is Kept.INSTEAD else JPEG)


def common_kind(groups: Sequence[tuple[Any, ...]], where: Path) -> Kind:
    """The kind of all rows, given (what was kept, format, number of rows) for each group of them.

    Raises UsageError, with the condition to select by, when there are several.
    """
    kinds: dict[Kind, int] = {}
    formats: dict[Kind, list[str]] = {}
    for name, file_format, count in groups:
        one = kind_of(Kept(name), file_format)
        kinds[one] = kinds.get(one, 0) + count
        formats.setdefault(one, []).append(file_format or "")
    most = max(kinds, key=lambda one: (kinds[one], one.kept, one.image))
    if len(kinds) > 1:
        condition = _CONDITIONS[most.kept]
        if most.kept is Kept.INSTEAD:
            names = ", ".join(f"'{name}'" for name in sorted(formats[most]))
            condition += f" AND format IN ({names})"
        counts = ", ".join(
            f"{count} {'/'.join(one.members)}"
            for one, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0].image))
        )
        raise UsageError(
            f"{where}: its samples have different members ({counts}); select with"
            f' --where "{condition}"'
        )
    return most
