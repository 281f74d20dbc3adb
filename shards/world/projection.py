"""The Equal Earth projection: areas on the map are areas on the Earth.

Source: Šavrič, Patterson and Jenny, "The Equal Earth map projection", International Journal of
Geographical Information Science 33(3), 2019, equations 1 to 3.
"""

import math

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_ROOT3 = math.sqrt(3)


def _forward(lat: float, lon: float) -> tuple[float, float]:
    theta = math.asin(_ROOT3 / 2 * math.sin(math.radians(lat)))
    square = theta * theta
    sixth = square**3
    slope = 9 * _A4 * square * sixth + 7 * _A3 * sixth + 3 * _A2 * square + _A1
    x = 2 * _ROOT3 * math.radians(lon) * math.cos(theta) / (3 * slope)
    y = theta * (_A1 + _A2 * square + sixth * (_A3 + _A4 * square))
    return x, y


_HALF_WIDTH = _forward(0, 180)[0]
_HALF_HEIGHT = _forward(90, 0)[1]
ASPECT = _HALF_WIDTH / _HALF_HEIGHT


def project(lat: float, lon: float, width: float) -> tuple[float, float]:
    """Pixels from the top left of a world map that is `width` wide and `width / ASPECT` high."""
    x, y = _forward(max(-90.0, min(90.0, lat)), max(-180.0, min(180.0, lon)))
    scale = width / (2 * _HALF_WIDTH)
    return (x + _HALF_WIDTH) * scale, (_HALF_HEIGHT - y) * scale
