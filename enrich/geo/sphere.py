"""Geometry on the sphere for polygons whose vertices are (lon, lat) in degrees.

Works on unit vectors, so the antimeridian and the poles need no special case.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the WGS 84 ellipsoid, (2a + b) / 3."""

KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180
"""Along a meridian."""

MAX_EDGE_DEGREES = 0.25
"""Longer edges are cut: a straight line in (lon, lat) and a great circle then differ by < 10 m."""


def unit_vectors(lat: Floats, lon: Floats) -> Floats:
    """Unit vectors, shape (n, 3), of points in degrees."""
    phi, lam = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def to_lat_lon(vectors: Floats) -> Floats:
    """(lat, lon) in degrees, shape (n, 2), of non-zero vectors of any length."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    angles = np.stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)], axis=-1)
    return np.asarray(np.degrees(angles))


def angle_between(a: Floats, b: Floats) -> Floats:
    """Angles in radians between vectors; exact for small ones, unlike the arc cosine."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.arctan2(cross, np.sum(a * b, axis=-1)))


def distance_to_edges_km(points: Floats, starts: Floats, ends: Floats) -> Floats:
    """Great-circle distance in km from each point to the shorter arc between `starts` and `ends`.

    All are unit vectors of shape (n, 3). Edges may have length zero.
    """
    to_ends = np.minimum(angle_between(points, starts), angle_between(points, ends))
    normals = np.cross(starts, ends)
    lengths = np.linalg.norm(normals, axis=-1)
    # The foot of the perpendicular lies on the arc when the point is between the two planes
    # through the ends that stand upright on the arc.
    after_start = np.sum(np.cross(normals, starts) * points, axis=-1) >= 0
    before_end = np.sum(np.cross(ends, normals) * points, axis=-1) >= 0
    heights = np.sum(points * normals, axis=-1) / np.where(lengths > 0, lengths, 1.0)
    to_arcs = np.abs(np.arcsin(np.clip(heights, -1.0, 1.0)))
    beside = after_start & before_end & (lengths > 0)
    return np.asarray(EARTH_RADIUS_KM * np.where(beside, to_arcs, to_ends))


def chord_distances_km(points: Floats, starts: Floats, ends: Floats) -> Floats:
    """Straight distance in km, through the Earth, from each point to the chord between the ends.

    A cheap stand-in for `distance_to_edges_km` where all is near by: a chord of c km lies at most
    c^2 / 8R below its arc, and an arc of that length is longer by c^3 / 24R^2.
    """
    ways, from_starts = ends - starts, points - starts
    squares = np.einsum("ij,ij->i", ways, ways)
    along = np.einsum("ij,ij->i", from_starts, ways) / np.where(squares > 0, squares, 1.0)
    gaps = from_starts - np.clip(along, 0.0, 1.0)[:, None] * ways
    return np.asarray(EARTH_RADIUS_KM * np.sqrt(np.einsum("ij,ij->i", gaps, gaps)))


def midpoint(geometry: Any) -> tuple[float, float]:
    """The (lat, lon) of a polygon's or multipolygon's centre of mass on the sphere.

    The integral of the position over a spherical polygon is half the sum, over its directed edges,
    of the edge's angle times its unit normal (J. E. Brock, The inertia tensor for a spherical
    triangle, J. Appl. Mech. 42, 1975). Holes count negative because their direction is opposite.
    """
    oriented = shapely.orient_polygons(shapely.segmentize(geometry, MAX_EDGE_DEGREES))
    total = np.zeros(3)
    for ring in shapely.get_rings(shapely.get_parts(oriented)):
        coordinates = shapely.get_coordinates(ring)
        vectors = unit_vectors(coordinates[:, 1], coordinates[:, 0])
        normals = np.cross(vectors[:-1], vectors[1:])
        sines = np.linalg.norm(normals, axis=-1, keepdims=True)
        cosines = np.sum(vectors[:-1] * vectors[1:], axis=-1, keepdims=True)
        factors = np.arctan2(sines, cosines) / np.where(sines > 0, sines, 1.0)
        total += np.sum(normals * factors, axis=0) / 2
    lat, lon = to_lat_lon(total[None, :])[0]
    return float(lat), float(lon)


def representative(geometry: Any, centre: tuple[float, float]) -> tuple[float, float]:
    """A (lat, lon) inside a polygon or multipolygon, to five decimals: `centre` when it is inside.

    Else the centre of the largest circle in the largest part, with longitudes shortened by the
    cosine of the part's middle latitude.
    """
    lat, lon = np.round(centre, 5)
    if shapely.contains_xy(geometry, lon, lat):
        return float(lat), float(lon)
    parts = shapely.get_parts(geometry)
    _, south, _, north = shapely.bounds(parts).T
    shortening = np.cos(np.radians((south + north) / 2))
    largest = int(np.argmax(shapely.area(parts) * shortening))
    scale = np.array([shortening[largest], 1.0])
    radius = shapely.maximum_inscribed_circle(
        shapely.transform(parts[largest], lambda lon_lat: lon_lat * scale)
    )
    lon, lat = np.round(shapely.get_coordinates(radius)[0] / scale, 5)
    return float(lat), float(lon)
