"""Where captures were taken: coordinates to region and country, or a country's name to its code."""

from collections.abc import Sequence
from dataclasses import dataclass

from enrich.countries import country_name, find_country
from enrich.position import Position, parse_position
from enrich.regions import NEAREST_LIMIT_KM, RegionTable
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
    rejection: Rejection | None = None


def locate_captures(
    captures: Sequence[Capture], table: RegionTable, limit_km: float = NEAREST_LIMIT_KM
) -> list[Place]:
    """One place per capture, in the same order, with one look-up for all of them."""
    parsed = [parse_position(capture.lat, capture.lon) for capture in captures]
    numbers = [i for i, position in enumerate(parsed) if isinstance(position, Position)]
    positions = [position for position in parsed if isinstance(position, Position)]
    regions, distances = table.locate(
        [position.lat for position in positions],
        [position.lon for position in positions],
        limit_km=limit_km,
    )
    places = [
        _place_by_name(capture.country, position if isinstance(position, Rejection) else None)
        for capture, position in zip(captures, parsed, strict=True)
    ]
    for i, position, region, distance in zip(numbers, positions, regions, distances, strict=True):
        places[i] = _place_in_region(position, table, int(region), float(distance), limit_km)
    return places


def _place_in_region(
    position: Position, table: RegionTable, region: int, distance_km: float, limit_km: float
) -> Place:
    if region < 0:
        detail = f"{position.lat}, {position.lon} is more than {limit_km:g} km from every country"
        return Place(position=position, rejection=Rejection(Reason.NO_COUNTRY, detail))
    code = table.country_codes[region]
    return Place(
        position=position,
        country_code=code,
        country_from=CountryFrom.COORDINATES,
        region_id=table.ids[region],
        region_name=f"{country_name(code)}_{table.names[region]}_{table.ids[region]}",
        region_distance_km=distance_km,
    )


def _place_by_name(text: str, invalid: Rejection | None) -> Place:
    """The place of a capture without usable coordinates."""
    if not text.strip():
        missing = Rejection(Reason.NO_POSITION, "neither coordinates nor a country")
        return Place(rejection=invalid or missing)
    code = find_country(text)
    if code is None:
        unknown = Rejection(Reason.NO_COUNTRY, f"{text[:80]!r} is not the name of a country")
        return Place(rejection=invalid or unknown)
    return Place(country_code=code, country_from=CountryFrom.NAME, rejection=invalid)
