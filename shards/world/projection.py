"""The Equal Earth projection: areas on the map are areas on the Earth.

Source: Šavrič, Patterson and Jenny, "The Equal Earth map projection", International Journal of
Geographical Information Science 33(3), 2019, equations 1 to 3.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_ROOT3 = math.sqrt(3)
_EARTH_RADIUS_KM = 6371.0088

Floats = npt.NDArray[np.float64]


def _forward(lat: Any, lon: Any) -> tuple[Any, Any]:
    theta = np.arcsin(_ROOT3 / 2 * np.sin(np.radians(lat)))
    square = theta * theta
    sixth = square**3
    slope = 9 * _A4 * square * sixth + 7 * _A3 * sixth + 3 * _A2 * square + _A1
    x = 2 * _ROOT3 * np.radians(lon) * np.cos(theta) / (3 * slope)
    y = theta * (_A1 + _A2 * square + sixth * (_A3 + _A4 * square))
    return x, y


_HALF_WIDTH = float(_forward(0, 180)[0])
_HALF_HEIGHT = float(_forward(90, 0)[1])
ASPECT = _HALF_WIDTH / _HALF_HEIGHT
MEAN_WIDTH_KM = 2 * _HALF_WIDTH * _EARTH_RADIUS_KM
"""What the width of the map would measure on the Earth where the map stretches nothing."""


def project_all(lats: Floats, lons: Floats, width: float) -> tuple[Floats, Floats]:
    """Pixels from the top left of a world map that is `width` wide and `width / ASPECT` high."""
    x, y = _forward(np.clip(lats, -90.0, 90.0), np.clip(lons, -180.0, 180.0))
    scale = width / (2 * _HALF_WIDTH)
    return (x + _HALF_WIDTH) * scale, (_HALF_HEIGHT - y) * scale


def project(lat: float, lon: float, width: float) -> tuple[float, float]:
    """`project_all` of one point."""
    x, y = project_all(np.array([lat]), np.array([lon]), width)
    return float(x[0]), float(y[0])
