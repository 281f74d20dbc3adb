"""Light and climate of a place from its coordinates alone: deliberately simple, deterministic.

Zones follow the Köppen groups in outline, drawn with boxes; elevation is ignored.
"""

import math

# (lat min, lat max, lon min, lon max): the dry and the summer-dry parts of the world.
ARID = (
    (15, 31, -17, 60),
    (24, 37, 42, 72),
    (36, 47, 50, 80),
    (37, 46, 85, 112),
    (24, 38, -118, -101),
    (-29, -17, 12, 26),
    (-32, -19, 115, 146),
    (-29, -15, -72, -66),
    (-18, -5, -82, -76),
    (-50, -36, -71, -64),
    (2, 12, 40, 52),
)
MEDITERRANEAN = (
    (35, 44, -10, 20),
    (34, 41.5, 20, 30),
    (30.5, 37, 30, 40),
    (31, 37, -10, 12),
    (32, 40, -125, -117),
    (-38, -30, -75, -70),
    (-35, -32, 17, 22),
    (-36, -30, 114, 119),
    (-38, -33, 134, 141),
)


def zone(lat: float, lon: float) -> str:
    """polar, boreal, continental, temperate, mediterranean, arid, subtropical or tropical."""
    latitude = abs(lat)
    inland = 25 < lon < 140 or -112 < lon < -60
    if latitude > 67:
        return "polar"
    if latitude > (53 if inland and lat > 0 else 59):
        return "boreal"
    if _inside(MEDITERRANEAN, lat, lon):
        return "mediterranean"
    if _inside(ARID, lat, lon):
        return "arid"
    if latitude < 20:
        return "tropical"
    if latitude < 33:
        return "subtropical"
    if lat > 36 and (inland or 16 < lon <= 25):
        return "continental"
    return "temperate"


def season(lat: float, day: int) -> str:
    """The season on a day of the year (0 to 364), by hemisphere; `summer` all year near 0°."""
    if abs(lat) < 23:
        return "summer"
    shifted = (day + (0 if lat > 0 else 182)) % 365
    names = ("winter", "spring", "summer", "autumn")
    return names[(shifted + 31) // 92 % 4]


def snowy(climate: str, when: str) -> bool:
    """Whether snow lies on the ground."""
    return when == "winter" and climate in ("polar", "boreal", "continental")


def sun_elevation(lat: float, day: int, hour: float) -> float:
    """Degrees above the horizon at a solar hour (Cooper's formula for the declination, 1969)."""
    declination = math.radians(23.45 * math.sin(math.radians(360 * (284 + day) / 365)))
    phi, angle = math.radians(lat), math.radians(15 * (hour - 12))
    sine = math.sin(phi) * math.sin(declination)
    sine += math.cos(phi) * math.cos(declination) * math.cos(angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def _inside(boxes: tuple[tuple[float, ...], ...], lat: float, lon: float) -> bool:
    return any(south <= lat <= north and west <= lon <= east for south, north, west, east in boxes)
