"""Which name of a target is which of a pool: countries by code or name, other values as text."""

from collections.abc import Callable, Iterable, Mapping

from enrich.geo.areas import country_areas_km2, region_areas_km2
from enrich.geo.countries import country_names, find_country, match_country
from enrich.geo.regions import load_region_table
from queries.choices import COUNTRY, REGION
from shards.errors import UsageError

_SHORT = {"country": COUNTRY, "region": REGION, "cell": "cell(lat, lon, 10)"}


def column(by: str) -> str:
    """What counts are by: an SQL expression, `country`, `region` and `cell` (10 km) for short."""
    return _SHORT.get(by.strip(), by.strip())


def identity(by: str) -> Callable[[str], str]:
    """What two names of the same thing have in common, for names of the column `by`."""
    if by == COUNTRY:
        return lambda name: find_country(name) or name.strip()
    return _region if by == REGION else str.strip


def check_names(names: Iterable[str], by: str, where: str) -> None:
    """Raises UsageError, beginning with `where`, when two names are one country."""
    known: dict[str, str] = {}
    same = identity(by)
    for name in names:
        if (other := known.setdefault(same(name), name)) != name:
            raise UsageError(f"{where}: {other!r} and {name!r} both mean {same(name)}; merge them")


def in_pool_names(
    pool: Iterable[str], target: Mapping[str, int], by: str, where: str
) -> dict[str, int]:
    """`target` under the names that the pool uses; what the pool lacks keeps its own name.

    Raises UsageError, beginning with `where`, when two of its names are one country.
    """
    check_names(target, by, where)
    same = identity(by)
    spelled = {same(name): name for name in pool}
    return {spelled.get(same(name), name): count for name, count in target.items()}


def suggestions(names: Iterable[str], by: str) -> list[str]:
    """A sentence for each name that is no country's, with the country that it may be."""
    return [_suggestion(name) for name in names if by == COUNTRY and find_country(name) is None]


def areas_km2(names: Iterable[str], by: str) -> dict[str, float]:
    """The area of each country or region that has one. Raises UsageError for other columns."""
    if by not in (COUNTRY, REGION):
        raise UsageError(f"areas are known by country and by region, not by {by}")
    areas = country_areas_km2() if by == COUNTRY else region_areas_km2()
    same = identity(by)
    return {name: areas[same(name)] for name in names if same(name) in areas}


def _region(name: str) -> str:
    """The id that ends a region's name: `SWE-3429` of `Sweden_Skåne_SWE-3429`."""
    text = name.strip()
    last = text.rpartition("_")[2]
    return last if last in load_region_table().index else text


def _suggestion(name: str) -> str:
    match = match_country(name)
    if match is None:
        return f"{name!r} is no country's name or code"
    return f"{name!r} is no country's name; {country_names()[match.code]} ({match.code})?"
