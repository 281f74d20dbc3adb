"""Which files of a dataset the views read: decided from their names alone, wherever they are.

A shard directory on its own, as it is published, is a dataset, too: its metadata are the captures
and the shards.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from shards.keys import is_key

VIEWS = ("captures", "samples", "duplicates", "clusters", "selections", "shards")
"""What `queries.views.catalogue` makes of the files."""
FOLDERS = ("enriched", "catalog", "selections", "shards", "metadata")
"""Where the files stand; what else a dataset has, the views never read."""
PATTERNS = (
    "manifest.json",
    "metadata/*.parquet",
    "enriched/*/*.parquet",
    "catalog/*.parquet",
    "selections/*/selection.*",
    "shards/*/manifest.json",
    "shards/*/metadata/*.parquet",
)
"""The same, where a file system can look for patterns."""
MANIFEST = "manifest.json"

_PART = re.compile(r"enriched/[^/]+/[^/.][^/]*\.parquet")
_SELECTION = re.compile(r"selections/([^/]+)/selection\.(json|parquet)")
_SHARDS = re.compile(r"shards/([^/]+)/(?:(manifest\.json)|metadata/[^/.][^/]*\.parquet)")
_OWN_METADATA = re.compile(r"metadata/[^/.][^/]*\.parquet")


@dataclass(frozen=True, slots=True)
class Files:
    """Names relative to the dataset, sorted."""

    parts: list[str] = field(default_factory=list)
    catalog: dict[str, str] = field(default_factory=dict)
    """By stem: duplicates, clusters, tombstones; those that are there."""
    selections: dict[str, list[str]] = field(default_factory=dict)
    shards: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str], own_name: str) -> "Files":
        """`own_name` is what the shard set is called if the dataset is a shard directory."""
        known = sorted(names)
        if MANIFEST in known:
            own = [name for name in known if _OWN_METADATA.fullmatch(name)]
            return cls(parts=own, shards={own_name: own})
        return cls(
            parts=[name for name in known if _PART.fullmatch(name)],
            catalog={
                stem: name
                for stem in ("duplicates", "clusters", "tombstones")
                if (name := f"catalog/{stem}.parquet") in known
            },
            selections=_complete(_SELECTION, known, "json"),
            shards=_complete(_SHARDS, known, MANIFEST),
        )

    def all(self) -> list[str]:
        """Every file that the views read."""
        groups = [self.parts, self.catalog.values(), *self.selections.values()]
        return sorted({name for group in (*groups, *self.shards.values()) for name in group})


def _complete(pattern: re.Pattern[str], names: list[str], last: str) -> dict[str, list[str]]:
    """Parquet files by the folder that they belong to, where the file written last is there."""
    files: dict[str, list[str]] = defaultdict(list)
    done = set()
    for name in names:
        if (match := pattern.fullmatch(name)) and is_key(match[1]):
            if match[2] == last:
                done.add(match[1])
            else:
                files[match[1]].append(name)
    return {folder: files[folder] for folder in sorted(done)}
