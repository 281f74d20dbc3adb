"""The format of `data/regions.parquet`: one row per region, polygons as integer micro-degrees.

Columns: `adm1_code`, `name`, `country_code` (text); `midpoint_lat`, `midpoint_lon` (degrees);
`polygons` (rings of each polygon, the first is the outer one); `rings` (vertices of each ring,
whose last repeats its first); `lon`, `lat` (vertices of all rings in a row, in 1e-6 degrees).
The coordinates are delta-coded by Parquet itself, so every Parquet reader sees plain numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Regions:
    """The rows of the file, sorted by id."""

    ids: list[str]
    names: list[str]
    country_codes: list[str]
    midpoints: npt.NDArray[np.float64]
    """(n, 2): lat, lon in degrees."""
    geometries: npt.NDArray[np.object_]
    """(n,): shapely multipolygons in (lon, lat)."""


def write_regions(path: Path, regions: Regions, metadata: Mapping[str, str]) -> None:
    """Writes the file; the same regions give the same bytes."""
    parts, part_owner = shapely.get_parts(regions.geometries, return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    degrees, vertex_owner = shapely.get_coordinates(rings, return_index=True)
    vertices = np.round(degrees * MICRO).astype(np.int32)
    rings_per_part = np.bincount(ring_owner)
    vertices_per_ring = np.bincount(vertex_owner)
    region_of_ring = part_owner[ring_owner]
    region_of_vertex = region_of_ring[vertex_owner]
    count = len(regions.ids)
    table = pa.table(
        {
            "adm1_code": regions.ids,
            "name": regions.names,
            "country_code": regions.country_codes,
            "midpoint_lat": regions.midpoints[:, 0],
            "midpoint_lon": regions.midpoints[:, 1],
            "polygons": _lists(rings_per_part, part_owner, count),
            "rings": _lists(vertices_per_ring, region_of_ring, count),
            "lon": _lists(vertices[:, 0], region_of_vertex, count),
            "lat": _lists(vertices[:, 1], region_of_vertex, count),
        }
    ).replace_schema_metadata(dict(metadata))
    delta = {f"{name}.list.element": "DELTA_BINARY_PACKED" for name in ("lon", "lat")}
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        column_encoding=delta,
    )


def read_regions(path: Path) -> Regions:
    """The inverse of `write_regions`."""
    table = pq.read_table(path)

    def numbers(name: str) -> npt.NDArray[Any]:
        return np.asarray(table[name].combine_chunks().flatten())

    vertices = np.column_stack([numbers("lon"), numbers("lat")]) / MICRO
    part_lengths = pa.compute.list_value_length(table["polygons"]).to_numpy()
    geometries = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON,
        vertices,
        (_offsets(numbers("rings")), _offsets(numbers("polygons")), _offsets(part_lengths)),
    )
    return Regions(
        ids=table["adm1_code"].to_pylist(),
        names=table["name"].to_pylist(),
        country_codes=table["country_code"].to_pylist(),
        midpoints=np.column_stack(
            [table["midpoint_lat"].to_numpy(), table["midpoint_lon"].to_numpy()]
        ),
        geometries=geometries,
    )


def _lists(values: npt.NDArray[Any], owners: npt.NDArray[Any], count: int) -> pa.Array:
    lengths = np.bincount(owners, minlength=count)
    return pa.ListArray.from_arrays(
        _offsets(lengths).astype(np.int32), pa.array(values.astype(np.int32))
    )


def _offsets(lengths: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
