"""What a model's classes are on the map: where countries and regions lie, and which belong."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shards.errors import UsageError
from shards.labels import LABELS_NAME, Labels, load_labels
from training.geometry import Floats, centres_of


def read_labels(shards: Path) -> Labels:
    """The label tables of a shard directory. Raises WorkError when they are missing or damaged."""
    return load_labels(shards / LABELS_NAME)


def same_classes(one: Labels, other: Labels) -> bool:
    """True when every class index means the same in both; counts and names may differ."""
    return [c.code for c in one.countries] == [c.code for c in other.countries] and [
        r.id for r in one.regions
    ] == [r.id for r in other.regions]


def country_centres(labels: Labels, country: NDArray[np.int64], lat: Floats, lon: Floats) -> Floats:
    """(countries, 2) the spherical mean of each country's training samples; NaN without any.

    The mean of where photographs are, not of the land: a guess wants the likely place.
    """
    return centres_of(np.column_stack([lat, lon]), country, len(labels.countries))


def region_midpoints(labels: Labels) -> Floats:
    """(regions, 2) midpoints of the label table's regions, from the region table of `enrich`."""
    from enrich.geo.regions import load_region_table

    table = load_region_table()
    unknown = [region.id for region in labels.regions if region.id not in table.index]
    if unknown:
        raise UsageError(f"{LABELS_NAME}: region {unknown[0]} is unknown; enrich and build again")
    chosen = [table.index[region.id] for region in labels.regions]
    return np.asarray(table.midpoints, dtype=np.float64)[chosen].reshape(-1, 2)
