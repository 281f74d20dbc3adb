"""The format of `data/regions.parquet`: one row per region, polygons as integers of 1e-5 degrees.

Columns: `adm1_code`, `name`, `country_code` (text); `midpoint_lat`, `midpoint_lon`,
`representative_lat`, `representative_lon` (degrees); `polygons` (rings of each polygon, the first
is the outer one); `rings` (vertices of each ring, whose last repeats its first); `lon`, `lat`
(vertices of all rings in a row, in 1e-5 degrees, the source's own five decimals).
The coordinates are delta-coded by Parquet itself, so every Parquet reader sees plain numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

UNITS_PER_DEGREE = 100_000
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Polygons:
    """Multipolygons as ragged arrays: offsets into the next finer array, one longer than it."""

    vertices: npt.NDArray[np.int32]
    """(n, 2): lon, lat in 1e-5 degrees."""
    ring_offsets: Offsets
    """First vertex of each ring."""
    polygon_offsets: Offsets
    """First ring of each polygon."""
    region_offsets: Offsets
    """First polygon of each region."""

    @classmethod
    def of(cls, geometries: npt.NDArray[np.object_]) -> "Polygons":
        """From shapely multipolygons in (lon, lat) degrees, rounded to five decimals."""
        kind, degrees, (rings, polygons, regions) = shapely.to_ragged_array(geometries)
        assert kind == shapely.GeometryType.MULTIPOLYGON
        vertices = np.round(degrees * UNITS_PER_DEGREE).astype(np.int32)
        return cls(vertices, *(each.astype(np.int64) for each in (rings, polygons, regions)))

    @property
    def degrees(self) -> npt.NDArray[np.float64]:
        """(n, 2): lon, lat of all vertices."""
        return self.vertices / UNITS_PER_DEGREE

    @property
    def ring_regions(self) -> npt.NDArray[np.int64]:
        """The region of each ring."""
        ends = self.polygon_offsets[self.region_offsets]
        return np.repeat(np.arange(len(ends) - 1), np.diff(ends))

    @cached_property
    def parts(self) -> npt.NDArray[np.object_]:
        """Every single polygon, as shapely geometries."""
        offsets = (self.ring_offsets, self.polygon_offsets)
        polygons: npt.NDArray[np.object_] = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, self.degrees, offsets
        )
        return polygons

    @property
    def part_regions(self) -> npt.NDArray[np.int64]:
        """The region of each single polygon."""
        return np.repeat(np.arange(len(self.region_offsets) - 1), np.diff(self.region_offsets))

    def geometries(self) -> npt.NDArray[np.object_]:
        """One shapely multipolygon per region."""
        whole: npt.NDArray[np.object_] = shapely.multipolygons(
            self.parts, indices=self.part_regions
        )
        return whole


@dataclass(frozen=True, slots=True)
class Regions:
    """The rows of the file, sorted by id."""

    ids: list[str]
    names: list[str]
    country_codes: list[str]
    midpoints: npt.NDArray[np.float64]
    """(n, 2): lat, lon in degrees."""
    representatives: npt.NDArray[np.float64]
    """(n, 2): lat, lon in degrees, inside the region."""
    polygons: Polygons


def write_regions(path: Path, regions: Regions, metadata: Mapping[str, str]) -> None:
    """Writes the file; the same regions give the same bytes."""
    polygons = regions.polygons
    rings_until = polygons.polygon_offsets[polygons.region_offsets]
    vertices_until = polygons.ring_offsets[rings_until]
    table = pa.table(
        {
            "adm1_code": regions.ids,
            "name": regions.names,
            "country_code": regions.country_codes,
            "midpoint_lat": regions.midpoints[:, 0],
            "midpoint_lon": regions.midpoints[:, 1],
            "representative_lat": regions.representatives[:, 0],
            "representative_lon": regions.representatives[:, 1],
            "polygons": _lists(np.diff(polygons.polygon_offsets), polygons.region_offsets),
            "rings": _lists(np.diff(polygons.ring_offsets), rings_until),
            "lon": _lists(polygons.vertices[:, 0], vertices_until),
            "lat": _lists(polygons.vertices[:, 1], vertices_until),
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
    # In one thread and without the machinery for many files: half the memory.
    with pq.ParquetFile(path) as file:
        regions = _regions(file.read(use_threads=False))
    pa.default_memory_pool().release_unused()
    return regions


def _regions(table: pa.Table) -> Regions:
    def numbers(name: str) -> npt.NDArray[Any]:
        return np.asarray(table[name].combine_chunks().flatten())

    def pairs(name: str) -> npt.NDArray[np.float64]:
        return np.column_stack([table[f"{name}_lat"].to_numpy(), table[f"{name}_lon"].to_numpy()])

    polygons_per_region = pc.list_value_length(table["polygons"]).to_numpy()
    return Regions(
        ids=table["adm1_code"].to_pylist(),
        names=table["name"].to_pylist(),
        country_codes=table["country_code"].to_pylist(),
        midpoints=pairs("midpoint"),
        representatives=pairs("representative"),
        polygons=Polygons(
            np.column_stack([numbers("lon"), numbers("lat")]),
            _offsets(numbers("rings")),
            _offsets(numbers("polygons")),
            _offsets(polygons_per_region),
        ),
    )


def _lists(values: npt.NDArray[Any], offsets: Offsets) -> pa.Array:
    return pa.ListArray.from_arrays(offsets.astype(np.int32), pa.array(values.astype(np.int32)))


def _offsets(lengths: npt.NDArray[Any]) -> Offsets:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
