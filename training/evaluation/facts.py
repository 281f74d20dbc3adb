"""What each sample of an evaluation is called, where its picture lies and what is true of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.samples import read_columns
from training.evaluation.outcomes import Ints
from training.geometry import Floats
from training.model.cells.table import Names

_COLUMNS = ["key", "tar", "tar_offset", "tar_size", "country_code", "region_id", "group_id"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of equal length; "" where something is not known."""

    keys: Names
    files: Names
    """What holds each picture, relative to the folder that was evaluated."""
    offset: Ints
    size: Ints
    country: Names
    """ISO 3166-1 alpha-2 codes, and XK."""
    region: Names
    """Ids of Natural Earth's admin-1."""
    group: Names
    """Game or sequence: pictures that were taken together."""

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: Ints) -> "Facts":
        return Facts(
            self.keys[rows],
            self.files[rows],
            self.offset[rows],
            self.size[rows],
            self.country[rows],
            self.region[rows],
            self.group[rows],
        )


def read_facts(shards: Path, split: str) -> Facts:
    """Of a split of a shard directory, in the order of `read_samples`."""
    table = read_columns(shards, split, _COLUMNS)
    key, file, country, region, group = (
        names(table[name].to_pylist())
        for name in ("key", "tar", "country_code", "region_id", "group_id")
    )
    offset, size = (table[name].to_numpy().astype(np.int64) for name in ("tar_offset", "tar_size"))
    return Facts(key, file, offset, size, country, region, group)


def names(values: list[Any]) -> Names:
    """Texts, "" for None."""
    return np.array([value or "" for value in values], dtype=np.str_)


def locate(positions: Floats) -> tuple[Names, Names]:
    """Country code and region id of known positions, (n, 2) degrees; "" for none, as in the sea."""
    from enrich.geo.locators import Polygons
    from enrich.geo.regions import load_region_table

    table = load_region_table()
    found = Polygons(table).locate(*positions.T)
    ids = list(table.index)
    return names(found.countries), names([ids[i] if i >= 0 else "" for i in found.regions.tolist()])
