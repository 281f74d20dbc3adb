"""Views on disputed areas: which country a region is counted to. No view is this project's opinion.

The polygons and region ids are the same in every view; country code, country name and the country
in the region's name follow the view. `data/README.md` says what each view does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shards.errors import UsageError

DE_FACTO = "de-facto"
ISO = "iso"


@dataclass(frozen=True, slots=True)
class Area:
    """A disputed area that has regions of its own in the source."""

    name: str
    regions: tuple[str, ...]
    """Region ids; `KOS-` stands for all that begin so."""
    codes: Mapping[str, str]
    """Country code by view; a view that is not here counts the area as the region table does."""
    source: str
    country: str | None = None
    """The code that the area has as a country of its own, where a view has no such country."""


AREAS = (
    Area(
        name="Crimea and Sevastopol",
        regions=("RUS-283", "RUS-5482"),
        codes={ISO: "UA"},
        source="ISO 3166-2: UA-43 and UA-40",
    ),
    Area(
        name="Western Sahara west of the sand wall",
        regions=("MAR-3456", "MAR-3469"),
        codes={ISO: "EH"},
        source="ISO 3166-1: EH; Guelmim - Es-Semara (MAR-3457), two thirds of it in Morocco, is MA",
    ),
    Area(
        name="Kosovo",
        regions=("KOS-",),
        codes={ISO: "RS"},
        source="ISO 3166-2: RS-KM; XK is user-assigned, no code of the standard",
        country="XK",
    ),
)


@dataclass(frozen=True, slots=True)
class View:
    """What one view changes in the de facto table."""

    regions: Mapping[str, str] = field(default_factory=dict)
    """Country code by region id, or by the part of it up to the hyphen for all of a country."""
    countries: Mapping[str, str] = field(default_factory=dict)
    """Codes of countries that do not exist in this view, and what they are part of."""

    def country_codes(self, ids: Sequence[str], codes: Sequence[str]) -> list[str]:
        """The codes of regions `ids` in this view, given those of the de facto view."""
        return [self._code(region_id) or code for region_id, code in zip(ids, codes, strict=True)]

    def _code(self, region_id: str) -> str | None:
        whole = self.regions.get(region_id)
        return whole or self.regions.get(region_id.partition("-")[0] + "-")


VIEWS = {
    name: View(
        regions={
            region: area.codes[name]
            for area in AREAS
            if name in area.codes
            for region in area.regions
        },
        countries={
            area.country: area.codes[name] for area in AREAS if area.country and name in area.codes
        },
    )
    for name in (DE_FACTO, ISO)
}


def find_view(name: str) -> View:
    """Raises UsageError for a view that does not exist."""
    if name not in VIEWS:
        raise UsageError(f"--borders {name}: use {' or '.join(VIEWS)}")
    return VIEWS[name]
