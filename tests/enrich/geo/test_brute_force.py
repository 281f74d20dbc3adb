"""Every answer of the region table against all polygons and all edges, one by one."""

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from enrich.geo.regions import NEAREST_LIMIT_KM, RegionTable, load_region_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RADIUS_KM = 6371.0088


@pytest.fixture(scope="module")
def table() -> RegionTable:
    return load_region_table()


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(4)


def containing(table: RegionTable, lats: Floats, lons: Floats) -> Ints:
    """The first region whose polygons cover each point; every polygon is asked for every point.

    A polygon is asked outright for the points in its box, found by comparing; -1 for none.
    """
    order = np.argsort(lats, kind="stable")
    sorted_lats, sorted_lons = lats[order], lons[order]
    found = np.full(len(lats), -1, dtype=np.int64)
    for index, geometry in reversed(list(enumerate(table.geometries))):
        for part in shapely.get_parts(geometry):
            west, south, east, north = part.bounds
            low, high = np.searchsorted(sorted_lats, [south, np.nextafter(north, 91)])
            boxed = np.flatnonzero(
                (sorted_lons[low:high] >= west) & (sorted_lons[low:high] <= east)
            )
            if len(boxed):
                shapely.prepare(part)
                at = low + boxed
                hit = shapely.intersects_xy(part, sorted_lons[at], sorted_lats[at])
                found[order[at[hit]]] = index
    return found


def on_sphere(random: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    return np.degrees(np.arcsin(random.uniform(-1, 1, count))), random.uniform(-180, 180, count)


def test_a_hundred_thousand_points_on_land(table: RegionTable, random: np.random.Generator) -> None:
    lats, lons = on_sphere(random, 360_000)
    expected = containing(table, lats, lons)
    assert (expected >= 0).sum() > 100_000
    land = expected >= 0
    found, distances = table.locate(lats[land], lons[land])
    assert np.array_equal(found, expected[land])
    assert (distances == 0).all()
    _, distances = table.locate(lats[~land], lons[~land], limit_km=0.5)
    assert (distances > 0).all()


def test_points_on_borders_at_the_antimeridian_the_poles_and_on_islands(
    table: RegionTable, random: np.random.Generator
) -> None:
    vertices = table.polygons.degrees
    at_vertices = vertices[random.integers(0, len(vertices), 10_000)]
    beside = at_vertices + random.normal(0, 1e-5, at_vertices.shape)
    halfway = (vertices[:-1] + vertices[1:])[random.integers(0, len(vertices) - 1, 5_000)] / 2
    meridians = np.append(np.repeat([180.0, -180.0], 5_000), random.normal(180, 1e-3, 10_000))
    antimeridian = np.column_stack([meridians, random.uniform(-90, 90, len(meridians))])
    antimeridian[10_000:, 0] = antimeridian[10_000:, 0] % 360 - 360 * (meridians[10_000:] > 180)
    poles = np.column_stack(
        [random.uniform(-180, 180, 2_000), random.choice([-90, 90, -89.9999, -89], 2_000)]
    )
    corners = shapely.bounds(table.polygons.parts)
    small = corners[(corners[:, 2:] - corners[:, :2]).max(axis=1) < 0.1]
    assert len(small) > 1500
    islands = random.uniform(small[:, :2], small[:, 2:])
    points = np.concatenate([at_vertices, beside, halfway, poles, islands, antimeridian])
    lons, lats = np.clip(points, [-180, -90], [180, 90]).T
    expected = containing(table, lats, lons)
    found, distances = table.locate(lats, lons, limit_km=0.0)
    found = np.where(distances == 0, found, -1)
    # Half a millimetre beside a border is at distance 0 too.
    for point in np.flatnonzero((expected < 0) & (found >= 0)):
        where = shapely.Point(lons[point], lats[point])
        assert shapely.distance(table.geometries[found[point]], where) < 1e-8
    assert np.array_equal(found[expected >= 0], expected[expected >= 0])
    assert (expected >= 0).sum() > 15_000


def vectors(lats: Floats, lons: Floats) -> Floats:
    phi, lam = np.radians(lats), np.radians(lons)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def nearest(table: RegionTable, lats: Floats, lons: Floats) -> tuple[Ints, Floats, Floats]:
    """By all edges, cut into steps of 100 m at most: region, and bounds of the distance in km."""
    parts, owner = shapely.get_parts(table.geometries, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    degrees, ring = shapely.get_coordinates(rings, return_index=True)
    everything = vectors(degrees[:, 1], degrees[:, 0])
    found, low, high = [], [], []
    for point in vectors(lats, lons):
        # Whatever ends more than 1 degree away is farther than the limit: no edge there is long.
        near = np.flatnonzero(everything @ point > np.cos(np.radians(1)))
        near = near[(near + 1 < len(ring)) & (ring[near] == ring[(near + 1) % len(ring)])]
        best = (np.inf, -1, 0.0)
        for start in near:
            a, b = degrees[start], degrees[start + 1]
            length = RADIUS_KM * np.arccos(
                np.clip(everything[start] @ everything[start + 1], -1, 1)
            )
            if RADIUS_KM * np.arccos(min(everything[start] @ point, 1.0)) - length > best[0]:
                continue
            steps = np.linspace(a, b, int(length / 0.1) + 2)
            chord = np.linalg.norm(vectors(steps[:, 1], steps[:, 0]) - point, axis=1).min()
            distance = 2 * RADIUS_KM * np.arcsin(chord / 2)
            best = min(best, (distance, owner[part[ring[start]]], length / (len(steps) - 1)))
        found.append(best[1])
        high.append(best[0])
        low.append(np.sqrt(max(best[0] ** 2 - (best[2] / 2) ** 2, 0)))
    return np.array(found), np.array(low), np.array(high)


def test_points_in_coastal_water(table: RegionTable, random: np.random.Generator) -> None:
    vertices = table.polygons.degrees
    kinds = [
        vertices,
        vertices[np.abs(vertices[:, 0]) > 179.8],
        vertices[(vertices[:, 1] < -65) & (vertices[:, 1] > -89)],
        vertices[vertices[:, 1] > 80],
    ]
    starts = np.concatenate([kind[random.integers(0, len(kind), 400)] for kind in kinds])
    lats = np.maximum(starts[:, 1] + random.normal(0, 0.08, len(starts)), -90)
    lons = starts[:, 0] + random.normal(0, 0.08, len(starts)) / np.cos(np.radians(starts[:, 1]))
    lons = (lons + 180) % 360 - 180
    found, distances = table.locate(lats, lons)
    sea = np.flatnonzero(distances > 0)[::4]
    region, low, high = nearest(table, lats[sea], lons[sea])
    beyond = found[sea] < 0
    assert (low[beyond] > NEAREST_LIMIT_KM - 0.01).all()
    assert np.isinf(distances[sea][beyond]).all()
    placed = ~beyond
    assert placed.sum() > 150
    # Edges are straight in (lon, lat) here and great circles there: less than 2 m apart.
    assert (distances[sea][placed] >= low[placed] - 0.002).all()
    assert (distances[sea][placed] <= high[placed] + 0.002).all()
    assert (found[sea] == region)[placed].mean() > 0.98  # the rest lie off a shared vertex
