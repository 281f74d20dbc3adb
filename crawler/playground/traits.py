"""What roads and houses look like in each country: `traits.csv`, and a rule for the rest.

The table is general knowledge of roads, simplified. A country that it lacks looks like its
nearest neighbour in the table, apart from a few traits that follow from a hash of its code.
"""

import csv
import math
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from crawler.playground.world import listed_places, uniform

TABLE = Path(__file__).with_name("traits.csv")
_LEFT = (
    "AG AI AU BB BD BM BN BS BT BW CC CK CX CY DM FJ FK GB GD GG GY HK ID IE IM IN JE JM JP KE KI"
    " KN KY LC LK LS MO MS MT MU MV MW MY MZ NA NF NP NR NU NZ PG PK PN SB SC SG SH SR SZ TC TH TK"
    " TL TO TT TV TZ UG VC VG VI WS ZA ZM ZW"
)
LEFT_DRIVING = frozenset(_LEFT.split())
SCRIPTS = {
    "arabic": "AF BH DJ EH IQ KM KW LY MR OM PS QA SD",
    "cyrillic": "TJ",
    "round": "BT ER MV",
    "hangul": "KP",
    "cjk": "MO",
}


@dataclass(frozen=True)
class Traits:
    """The roadside of one country; the words are those that `scene.py` turns into colours."""

    centre: str
    edge: str
    kerb: str
    bollard: str
    pole: str
    wires: int
    plate: str
    script: str
    facade: str
    roof: str
    sign: str
    warning: str
    left: bool


@cache
def traits(code: str) -> Traits:
    """The traits of a country by its ISO code."""
    if code in _table():
        return _table()[code]
    base = _table()[_nearest_listed(code)]
    donors = sorted(_table())

    def borrowed(trait: str) -> str:
        donor = donors[int(uniform(0, trait, code) * len(donors))]
        return str(getattr(_table()[donor], trait))

    return replace(
        base,
        left=code in LEFT_DRIVING,
        script=next((name for name, codes in SCRIPTS.items() if code in codes.split()), "latin"),
        kerb=borrowed("kerb"),
        bollard=borrowed("bollard"),
        plate=borrowed("plate"),
        facade=borrowed("facade"),
    )


@cache
def _table() -> dict[str, Traits]:
    names = {field.name for field in fields(Traits)} - {"left", "wires"}
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: Traits(
                **{name: row[name] for name in names},
                wires=int(row["wires"]),
                left=row["code"] in LEFT_DRIVING,
            )
            for row in csv.DictReader(file)
        }


def _nearest_listed(code: str) -> str:
    here = _centre(code)

    def cosine(other: str) -> float:
        return sum(a * b for a, b in zip(here, _centre(other), strict=True))

    return max(_table(), key=cosine)


@cache
def _centre(code: str) -> tuple[float, float, float]:
    """The mean direction of a country's towns, as a unit vector."""
    towns = listed_places()[code]
    total = [0.0, 0.0, 0.0]
    for town in towns:
        phi, lam = math.radians(town.lat), math.radians(town.lon)
        parts = (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))
        total = [a + b for a, b in zip(total, parts, strict=True)]
    length = math.hypot(*total) or 1.0
    return total[0] / length, total[1] / length, total[2] / length
