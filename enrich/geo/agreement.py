"""How often the report's methods of labelling disagree with the polygons."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enrich.geo.countries import find_country
from enrich.geo.locators import Labels, Midpoints, NearestCity, Polygons
from enrich.geo.regions import RegionTable, load_region_table
from enrich.geo.sphere import Floats, Ints, to_lat_lon
from enrich.geo.towns import Towns, load_towns
from shards.errors import UsageError
from shards.layout import DatasetLayout

LISTED = 10
"""How many pairs of countries, and names, are listed."""

Points = tuple[Floats, Floats]
"""Latitudes and longitudes in degrees, each of shape (n,)."""


def compare_labels(layout: DatasetLayout | None, count: int, seed: int) -> dict[str, Any]:
    """`compare_methods` on a dataset's positions, with its names; or on random points on land."""
    table, towns = load_region_table(), load_towns()
    if layout is None:
        return compare_methods(random_land_points(table, count, seed), table, towns)
    return compare_methods(dataset_points(layout), table, towns) | {"names": dataset_names(layout)}


def compare_methods(points: Points, table: RegionTable, towns: Towns) -> dict[str, Any]:
    """For each method the share of points with the polygons' country and region.

    Points without a region within the limit have nothing to compare with; they are counted as
    `outside`. `confused` lists the pairs of countries that the method mistakes most often.
    """
    lat, lon = points
    truth = Polygons(table).locate(lat, lon)
    inside = np.flatnonzero(truth.regions >= 0)
    lat, lon, regions = lat[inside], lon[inside], truth.regions[inside]
    countries = [table.country_codes[region] for region in regions]
    midpoints = Midpoints(table)
    flat = _towns_countries(table, towns, towns.nearest_in_degrees(lat, lon))
    methods = {
        "nearest-city": (flat, None),
        "nearest-city on the sphere": (
            _towns_countries(table, towns, towns.nearest(lat, lon)[0]),
            None,
        ),
        "midpoint": _both(midpoints.locate(lat, lon)),
        "nearest-city, midpoint": _both(NearestCity(table, towns, midpoints).locate(lat, lon)),
    }
    return {
        "points": len(inside),
        "outside": len(truth.regions) - len(inside),
        "methods": {
            name: _agreement(countries, regions, *labels) for name, labels in methods.items()
        },
    }


def _both(labels: Labels) -> tuple[Sequence[str | None], Ints]:
    return labels.countries, labels.regions


def _towns_countries(table: RegionTable, towns: Towns, nearest: Ints) -> list[str | None]:
    return [table.country(code) for code in towns.country_codes(nearest).tolist()]


def _agreement(
    countries: Sequence[str],
    regions: Ints,
    found_countries: Sequence[str | None],
    found_regions: Ints | None,
) -> dict[str, Any]:
    pairs = Counter(zip(countries, found_countries, strict=True))
    wrong = Counter({pair: count for pair, count in pairs.items() if pair[0] != pair[1]})
    points = max(len(countries), 1)
    result: dict[str, Any] = {"country": 1 - wrong.total() / points}
    if found_regions is not None:
        result["region"] = float(np.mean(regions == found_regions)) if len(regions) else 1.0
        result["without_region"] = float(np.mean(found_regions < 0)) if len(regions) else 0.0
    worst = sorted(wrong.items(), key=lambda each: (-each[1], each[0]))[:LISTED]
    return result | {"confused": [f"{true} as {said}: {count}" for (true, said), count in worst]}


def random_land_points(table: RegionTable, count: int, seed: int) -> Points:
    """Points inside the polygons, evenly over their area on the sphere; the same for one seed.

    Without Antarctica: it has a tenth of all land, no towns and hardly any photographs.
    """
    inhabited = np.array(table.country_codes) != "AQ"
    random = np.random.default_rng(seed)
    found: list[Floats] = []
    while sum(map(len, found)) < count:
        # Directions of normally distributed vectors are even on the sphere; 29 % of it is land.
        points = to_lat_lon(random.standard_normal((4 * count, 3)))
        regions, _ = table.locate(*points.T, limit_km=0.0)
        found.append(points[(regions >= 0) & inhabited[regions]])
    lat, lon = np.concatenate(found)[:count].T.copy()
    return lat, lon


def dataset_points(layout: DatasetLayout) -> Points:
    """The positions of all captures of an enriched dataset, in the order of their segments.

    Raises UsageError when it has none.
    """
    tables = [table.filter(table["lat"].is_valid()) for table in _parts(layout, ["lat", "lon"])]
    if not any(map(len, tables)):
        raise UsageError(f"{layout.root}: no row has a position; enrich it, or name no dataset")
    table = pa.concat_tables(tables)
    return table["lat"].to_numpy(), table["lon"].to_numpy()


def dataset_names(layout: DatasetLayout) -> dict[str, Any]:
    """What became of the countries that sources named where they gave no usable coordinates."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for table in _parts(layout, ["country_text", "country_code", "lat"]):
        named = table.filter(pc.and_(table["country_text"].is_valid(), table["lat"].is_null()))
        counts.update(zip(*named.select([0, 1]).to_pydict().values(), strict=True))
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0][0]))
    unknown = {text: count for (text, code), count in ordered if code is None}
    misspelt = {
        f"{text} as {code}": count
        for (text, code), count in ordered
        if code is not None and find_country(text) is None
    }
    return {
        "captures": counts.total(),
        "misspelt": sum(misspelt.values()),
        "unknown": sum(unknown.values()),
        "most_misspelt": dict(list(misspelt.items())[:LISTED]),
        "most_unknown": dict(list(unknown.items())[:LISTED]),
    }


def _parts(layout: DatasetLayout, columns: list[str]) -> Iterator[pa.Table]:
    """These columns of all captures; a panorama's views are one capture."""
    for part in layout.parts():
        yield pq.read_table(part, columns=columns, filters=[("view", "=", 0)])
