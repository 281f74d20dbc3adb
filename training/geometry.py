"""Distances and directions on the sphere. Angles in degrees as (lat, lon), lengths in km."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG R1). Every distance of this project uses it."""

GEOSCORE_SCALE_KM = 1492.7
"""Decay of GeoScore = 5000·exp(-d/1492.7), the score of one guess (PIGEON, Haas et al. 2024)."""

Floats = NDArray[np.float64]


def haversine_km(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Great-circle distance in km; arguments broadcast. NaN in gives NaN out.

    d = 2R·asin√(sin²(Δφ/2) + cosφ₁·cosφ₂·sin²(Δλ/2))
    """
    phi1, lambda1, phi2, lambda2 = (
        np.radians(np.asarray(a, np.float64)) for a in (lat1, lon1, lat2, lon2)
    )
    half = (
        np.sin((phi2 - phi1) / 2) ** 2
        + np.cos(phi1) * np.cos(phi2) * np.sin((lambda2 - lambda1) / 2) ** 2
    )
    # Rounding may lift antipodes a little above 1.
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """Points (…) as unit vectors (…, 3): x towards (0, 0), y towards (0, 90), z to the north."""
    phi, lam = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(lon, np.float64))
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def positions_of(vectors: ArrayLike) -> Floats:
    """Vectors (…, 3) of any length as (…, 2) positions (lat, lon), lon in (-180, 180]."""
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    return np.stack(
        [np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))], axis=-1
    )


def centre_of(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """The spherical mean (2,) of points; NaN when there is none, or when they cancel out."""
    vectors = unit_vectors(lat, lon)
    if len(vectors) == 0:
        return np.full(2, np.nan)
    mean = vectors.mean(axis=0)
    if np.linalg.norm(mean) < 1e-9:
        return np.full(2, np.nan)
    return positions_of(mean)
