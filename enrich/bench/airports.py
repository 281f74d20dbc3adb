"""How often the region table names the right country, against an independent list: airports.

`airportsdata` has some 28,000 airports with coordinates and ISO country codes, compiled from
aeronautical sources, so its labels owe nothing to Natural Earth. The baseline is the country of the
nearest populated place (reverse_geocoder), which is how the original pipeline found countries.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from enrich.geo.borders import DE_FACTO, VIEWS
from enrich.geo.regions import NEAREST_LIMIT_KM, RegionTable, load_region_table
from enrich.geo.sphere import chord_distances_km, unit_vectors
from shards.errors import UsageError

SOVEREIGN = {"AX": "FI", "PR": "US", "SJ": "NO", "VI": "US"}
"""Territories with an ISO code of their own that the list files under their sovereign's."""
BORDER_KM = 5.0
"""Nearer than this to the country that the list names, it is a matter of how borders are drawn."""
SPLIT = {
    "ISR-3056": "disputed; the source has no region of its own for the Golan Heights",
    "MAR-3457": "disputed; this region lies on both sides of Western Sahara's border",
}
"""Regions that no view can count right as a whole."""


@dataclass(frozen=True, slots=True)
class Airport:
    code: str
    country: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    airport: Airport
    found: str
    why: str


def bench_airports(borders: str = DE_FACTO) -> dict[str, Any]:
    """Shares of all airports with the list's country, and every disagreement with its cause.

    An airport in no region counts as wrong. Raises UsageError without `airportsdata`.
    """
    airports = read_airports()
    table = load_region_table(borders)
    regions, _ = table.locate(
        [airport.lat for airport in airports], [airport.lon for airport in airports]
    )
    codes = [table.country_codes[region] if region >= 0 else None for region in regions]
    right = sum(code == table.country(a.country) for code, a in zip(codes, airports, strict=True))
    wrong = [
        Disagreement(airport, code, explain(table, airport, int(region)))
        for airport, code, region in zip(airports, codes, regions, strict=True)
        if code is not None and code != table.country(airport.country)
    ]
    nowhere = [airport for airport, code in zip(airports, codes, strict=True) if code is None]
    ours, baseline = right / len(airports), _nearest_city_share(airports)
    return {
        "name": "airports",
        "ours": round(ours, 5),
        "baseline": round(baseline, 5),
        "ratio": round(ours / baseline, 4),
        "unit": "share with the right country",
        "cpus": 1,
        "borders": borders,
        "points": len(airports),
        "disagreements": by_pair(wrong),
        "in_no_region": by_country(nowhere),
    }


def read_airports() -> list[Airport]:
    try:
        import airportsdata
    except ImportError:
        raise UsageError(
            "bench airports: the list is missing; run `pip install airportsdata`"
        ) from None
    rows = airportsdata.load("ICAO")
    return [Airport(code, row["country"], row["lat"], row["lon"]) for code, row in rows.items()]


def by_pair(wrong: Sequence[Disagreement]) -> list[dict[str, Any]]:
    """One row per pair of countries and cause, most airports first."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in wrong:
        groups[one.airport.country, one.found, one.why].append(one.airport.code)
    rows = [
        {"listed": listed, "found": found, "points": len(codes), "why": why, "airports": codes}
        for (listed, found, why), codes in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row["points"], row["listed"], row["found"], row["why"]))


def by_country(airports: Sequence[Airport]) -> dict[str, list[str]]:
    """Codes of airports by the list's country."""
    groups: dict[str, list[str]] = defaultdict(list)
    for airport in airports:
        groups[airport.country].append(airport.code)
    return dict(sorted(groups.items()))


def readable(result: dict[str, Any]) -> dict[str, Any]:
    """The result for a table on a terminal: one line per pair of countries and cause."""
    lines = {
        f"{row['listed']} listed, {row['found']} found, {number}": (
            f"{row['points']}: {row['why']} ({', '.join(row['airports'])})"
        )
        for number, row in enumerate(result["disagreements"], 1)
    }
    missing = {country: ", ".join(codes) for country, codes in result["in_no_region"].items()}
    return result | {"disagreements": lines, "in_no_region": missing}


def explain(table: RegionTable, airport: Airport, region: int) -> str:
    """Why the list and the table differ, found by measuring."""
    listed, found = airport.country, table.country_codes[region]
    if SOVEREIGN.get(found) == listed:
        return "a territory with a code of its own, which the list does not use"
    for name, view in VIEWS.items():
        (code,) = view.country_codes([table.ids[region]], [found])
        if code == listed:
            return f"disputed; the same with borders {name}"
    if table.ids[region] in SPLIT:
        return SPLIT[table.ids[region]]
    distance = distance_to_country_km(table, listed, airport.lat, airport.lon)
    if distance <= BORDER_KM:
        return f"at the border, which the source draws less than {BORDER_KM:g} km off"
    lat, lon = (_as_minutes_and_seconds(angle) for angle in (airport.lat, airport.lon))
    if lat is not None and lon is not None and _country_at(table, lat, lon) == listed:
        return "the list's error: degrees, minutes and seconds written as decimals"
    if _country_at(table, airport.lat, airport.lon, 0.0) is None:
        return "an island that the source lacks; the nearest land is the other country's"
    return f"{distance:.0f} km from the country that the list names"


def distance_to_country_km(table: RegionTable, code: str, lat: float, lon: float) -> float:
    """To the nearest border or coast of the country; infinite beyond 3 degrees of latitude."""
    own = np.array([country == code for country in table.country_codes], dtype=bool)
    rings = shapely.get_rings(shapely.get_parts(table.geometries[own]))
    degrees, ring = shapely.get_coordinates(shapely.segmentize(rings, 0.1), return_index=True)
    near = np.abs(degrees[:, 1] - lat) < 3
    starts = np.flatnonzero((ring[:-1] == ring[1:]) & near[:-1] & near[1:])
    vectors = unit_vectors(degrees[:, 1], degrees[:, 0])
    point = unit_vectors(np.array([lat]), np.array([lon]))
    distances = chord_distances_km(point, vectors[starts], vectors[starts + 1])
    return float(distances.min(initial=np.inf))


def _as_minutes_and_seconds(angle: float) -> float | None:
    """49.3724 read as 49 degrees, 37 minutes, 24 seconds; None where that is no angle."""
    digits = f"{abs(angle):.4f}"
    degrees, _, rest = digits.partition(".")
    minutes, seconds = int(rest[:2]), int(rest[2:])
    if minutes >= 60 or seconds >= 60:
        return None
    return float(np.copysign(int(degrees) + minutes / 60 + seconds / 3600, angle))


def _country_at(
    table: RegionTable, lat: float, lon: float, limit_km: float = NEAREST_LIMIT_KM
) -> str | None:
    (region,), _ = table.locate([lat], [lon], limit_km=limit_km)
    return table.country_codes[region] if region >= 0 else None


def _nearest_city_share(airports: Sequence[Airport]) -> float:
    import reverse_geocoder

    places = reverse_geocoder.search(
        [(airport.lat, airport.lon) for airport in airports], mode=1, verbose=False
    )
    right = sum(p["cc"] == a.country for p, a in zip(places, airports, strict=True))
    return float(right / len(airports))
