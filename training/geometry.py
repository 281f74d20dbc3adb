"""Distances and directions on the sphere. Angles in degrees as (lat, lon), lengths in km.

Numpy in float64 for what is measured and stored; the functions whose names begin with `torch_` for
losses, in the precision of their arguments and with gradients that are finite everywhere.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG R1). Every distance of this project uses it."""

GEOSCORE_SCALE_KM = 1492.7
"""Decay of GeoScore = 5000·exp(-d/1492.7), the score of one guess (PIGEON, Haas et al. 2024)."""

Floats = NDArray[np.float64]


def check_positions(positions: Floats) -> Floats:
    """(…, 2) positions as they are, NaN for unknown ones.

    Raises ValueError for what cannot be (lat, lon) in degrees: three columns (Cartesian), a
    latitude beyond a pole (swapped columns), a longitude beyond 180 (kilometres or radians of
    another range).
    """
    if positions.shape[-1] != 2:
        raise ValueError(f"positions of {positions.shape[-1]} columns; (lat, lon) are two")
    if np.nanmax(np.abs(positions[..., 0]), initial=0.0) > 90:
        raise ValueError("a latitude beyond 90 degrees; positions are (lat, lon)")
    if np.nanmax(np.abs(positions[..., 1]), initial=0.0) > 180:
        raise ValueError("a longitude beyond 180 degrees; positions are (lat, lon)")
    return positions


def haversine_km(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Great-circle distance in km; arguments broadcast. NaN in gives NaN out.

    d = 2R·asin√(sin²(Δφ/2) + cosφ₁·cosφ₂·sin²(Δλ/2))
    """
    degrees = (np.asarray(a, np.float64) for a in (lat1, lon1, lat2, lon2))
    lat1, lon1, lat2, lon2 = degrees
    # Differences are taken in degrees, where those of near points are exact.
    phi, lam = np.radians(lat2 - lat1) / 2, np.radians(lon2 - lon1) / 2
    across = np.cos(np.radians(lat1)) * np.cos(np.radians(lat2))
    half = np.sin(phi) ** 2 + across * np.sin(lam) ** 2
    # Rounding may lift antipodes a little above 1.
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def distances_km(positions: Floats, places: Floats) -> Floats:
    """(n, m) km from each of (n, 2) positions to each of (m, 2) places."""
    lat, lon = positions[:, 0, None], positions[:, 1, None]
    return haversine_km(lat, lon, places[:, 0], places[:, 1])


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """Points (…) as unit vectors (…, 3): x towards (0, 0), y towards (0, 90), z to the north."""
    phi, lam = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(lon, np.float64))
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def positions_of(vectors: ArrayLike) -> Floats:
    """Vectors (…, 3) of any length as (…, 2) positions (lat, lon), lon in [-180, 180]."""
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    return np.stack(
        [np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))], axis=-1
    )


def centre_of(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """The spherical mean (2,) of points; NaN when there is none, or when they cancel out."""
    positions = np.column_stack([lat, lon]).astype(np.float64)
    return np.asarray(centres_of(positions, np.zeros(len(positions), np.int64), 1)[0])


def centres_of(positions: Floats, group: NDArray[np.int64], groups: int) -> Floats:
    """(groups, 2) the spherical mean of each group's points; NaN as in `centre_of`.

    `positions`: (n, 2) degrees. `group`: (n,) their groups. A position of NaN, or a group below 0,
    counts for none.
    """
    used = (group >= 0) & ~np.isnan(positions).any(axis=1)
    vectors, own = unit_vectors(*positions[used].T), group[used]
    sums = np.column_stack([np.bincount(own, axis, minlength=groups) for axis in vectors.T])
    length = np.linalg.norm(sums, axis=1) / np.maximum(np.bincount(own, minlength=groups), 1)
    return np.where((length < 1e-9)[:, None], np.nan, positions_of(sums))


def destination(lat: ArrayLike, lon: ArrayLike, bearing: ArrayLike, km: ArrayLike) -> Floats:
    """(…, 2) the point `km` along the great circle that leaves a point at `bearing`.

    Bearings in degrees clockwise from north; at a pole, north is the way along the given
    longitude over the pole. Arguments broadcast.
    """
    phi, lam, theta = (np.radians(np.asarray(a, np.float64)) for a in (lat, lon, bearing))
    angle = (np.asarray(km, np.float64) / EARTH_RADIUS_KM)[..., None]
    here, (north, east) = unit_vectors(lat, lon), _axes(phi, lam)
    heading = np.cos(theta)[..., None] * north + np.sin(theta)[..., None] * east
    return positions_of(np.cos(angle) * here + np.sin(angle) * heading)


def local_km(lat0: ArrayLike, lon0: ArrayLike, lat: ArrayLike, lon: ArrayLike) -> Floats:
    """(…, 2) km to the east and to the north of an origin (azimuthal equidistant projection).

    `at_local_km` is the inverse.
    """
    phi, lam = (np.radians(np.asarray(a, np.float64)) for a in (lat0, lon0))
    there, (north, east) = unit_vectors(lat, lon), _axes(phi, lam)
    x, y = (there * east).sum(axis=-1), (there * north).sum(axis=-1)
    length = np.hypot(x, y)
    scale = haversine_km(lat0, lon0, lat, lon) / np.where(length > 0, length, 1.0)
    return np.stack([x * scale, y * scale], axis=-1)


def at_local_km(lat0: ArrayLike, lon0: ArrayLike, local: Floats) -> Floats:
    """(…, 2) the positions that lie `local` (…, 2) km to the east and north of an origin."""
    east, north = np.moveaxis(local, -1, 0)
    return destination(lat0, lon0, np.degrees(np.arctan2(east, north)), np.hypot(east, north))


def _axes(phi: Floats, lam: Floats) -> tuple[Floats, Floats]:
    """Unit vectors (…, 3) to the north and to the east of points in radians."""
    zero = np.zeros_like(phi + lam)
    north = [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi) + zero]
    east = [-np.sin(lam) + zero, np.cos(lam) + zero, zero]
    return np.stack(north, axis=-1), np.stack(east, axis=-1)


def torch_unit_vectors(positions: "Tensor") -> "Tensor":
    """(…, 2) degrees as unit vectors (…, 3), like `unit_vectors`."""
    import torch

    phi, lam = torch.deg2rad(positions).unbind(-1)
    return torch.stack([phi.cos() * lam.cos(), phi.cos() * lam.sin(), phi.sin()], dim=-1)


def torch_distances_km(vectors: "Tensor", places: "Tensor") -> "Tensor":
    """(n, m) great-circle km between unit vectors (n, 3) and (m, 3).

    d = 2R·atan2(|u - v|, |u + v|) (Kahan): exact for near and for opposite points alike, and its
    gradient is finite at both, where those of asin and acos are not.
    """
    import torch

    apart, together = (
        torch.cdist(vectors, other, compute_mode="donot_use_mm_for_euclid_dist")
        for other in (places, -places)
    )
    return 2 * EARTH_RADIUS_KM * torch.atan2(apart, together)
