"""Where captures were taken: coordinates to country, region and nearest town, or a country's name.

Which country and region, the locator decides; here a capture becomes a `Place` by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from enrich.geo.countries import country_name, match_country
from enrich.geo.locators import Locator
from enrich.geo.position import Position, parse_position
from enrich.geo.regions import RegionTable
from enrich.geo.towns import load_towns
from enrich.rejection import Rejection
from shards.capture import Capture
from shards.schema import CountryFrom, Reason


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a place; whatever is unknown is None."""

    position: Position | None = None
    country_code: str | None = None
    country_from: CountryFrom | None = None
    region_id: str | None = None
    region_name: str | None = None
    region_distance_km: float | None = None
    place_name: str | None = None
    """The nearest town of `enrich.geo.towns`, however far: its bare name in ASCII, like `Lund`."""
    place_distance_km: float | None = None
    rejection: Rejection | None = None


def locate_captures(captures: Sequence[Capture], locator: Locator) -> list[Place]:
    """One place per capture, in the same order, with one look-up for all of them."""
    parsed = [parse_position(capture.lat, capture.lon) for capture in captures]
    positions = [position for position in parsed if isinstance(position, Position)]
    located = iter(_locate(positions, locator))
    return [
        next(located)
        if isinstance(position, Position)
        else _place_by_name(capture.country, locator.table, position)
        for capture, position in zip(captures, parsed, strict=True)
    ]


def _locate(positions: list[Position], locator: Locator) -> list[Place]:
    if not positions:
        return []
    lat = np.array([position.lat for position in positions])
    lon = np.array([position.lon for position in positions])
    labels = locator.locate(lat, lon)
    towns = load_towns()
    nearest, town_distances = towns.nearest(lat, lon)
    columns = zip(
        positions,
        labels.countries,
        labels.regions.tolist(),
        labels.distances_km.tolist(),
        towns.names(nearest),
        town_distances.tolist(),
        strict=True,
    )
    return [_place_at(locator.table, *column) for column in columns]


def _place_at(
    table: RegionTable,
    position: Position,
    code: str | None,
    region: int,
    distance_km: float,
    town: str,
    town_distance_km: float,
) -> Place:
    detail = f"{position.lat}, {position.lon} is farther than the limit from every country"
    labelled = code is not None and region >= 0
    return Place(
        position=position,
        country_code=code,
        country_from=CountryFrom.COORDINATES if code else None,
        region_id=table.ids[region] if labelled else None,
        region_name=_region_name(table, region) if labelled else None,
        region_distance_km=distance_km if labelled and isfinite(distance_km) else None,
        place_name=town,
        place_distance_km=town_distance_km,
        rejection=None if code else Rejection(Reason.NO_COUNTRY, detail),
    )


def _region_name(table: RegionTable, region: int) -> str:
    country = country_name(table.country_codes[region])
    return f"{country}_{table.names[region]}_{table.ids[region]}"


def _place_by_name(text: str, table: RegionTable, invalid: Rejection | None) -> Place:
    """The place of a capture without usable coordinates."""
    if not text.strip():
        missing = Rejection(Reason.NO_POSITION, "neither coordinates nor a country")
        return Place(rejection=invalid or missing)
    match = match_country(text)
    if match is None:
        unknown = Rejection(Reason.NO_COUNTRY, f"{text[:80]!r} is not the name of a country")
        return Place(rejection=invalid or unknown)
    code = table.country(match.code)
    return Place(country_code=code, country_from=CountryFrom.NAME, rejection=invalid)
