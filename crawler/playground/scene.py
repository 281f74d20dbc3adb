"""What a round looks like, as plain JSON data: no coordinates and no country in it.

The country gives roads, houses and signs; the coordinates give climate and light; the place's
own dice give the weather, the hour, the traffic and where the camera stands. `static/draw.js`
draws it.
"""

from typing import Any

from crawler.playground.climate import season, snowy, sun_elevation, zone
from crawler.playground.traits import Traits, traits
from crawler.playground.world import Place, Round, WorldConfig, uniform
from shards.keys import order_hash

COLOURS = {
    "white": "#eceae2",
    "yellow": "#e6b422",
    "orange": "#e0762b",
    "red": "#b8352c",
    "black": "#2a2a2c",
    "blue": "#2f5d9e",
    "green": "#2c6b4a",
    "grey": "#9a9a94",
    "brick": "#9c6450",
}
FACADES = {
    "clapboard": ("#e9e4d8", "#b9c6cd", "#d8cba8", "#a9b59c", "#c9b9ab"),
    "vivid": ("#d98a4b", "#4f9aa8", "#d9b84b", "#c95f6b", "#7fae6b"),
    "pastel": ("#e8cfae", "#c9dcc4", "#e6bfb4", "#c2d3e0", "#eee0c0"),
    "faded": ("#b9b38f", "#a7b5ad", "#c7a98f", "#9fa8b3"),
    "brick": ("#9a5b45", "#a96a4e", "#8a4f3f", "#b07a5f"),
    "block": ("#b9b2a5", "#c8c0ae", "#a8a299", "#cbb9a0"),
    "adobe": ("#b98560", "#a97452", "#c69a73", "#9c6a4c"),
    "stucco": ("#dcd3bf", "#cfc5b5", "#e3d8c9", "#c3bba9"),
    "render": ("#e6dfcf", "#d9cfb8", "#e9e6de", "#cfc9bb"),
    "whitewash": ("#f3f0e8", "#ece7dc", "#f6f3ec", "#e3dac6"),
    "ochre": ("#d3a15f", "#c98d58", "#dcb67a", "#c77f5a"),
    "chalet": ("#8d6a49", "#a07a52", "#e9e2d2", "#74563b"),
    "falu": ("#8f3a2c", "#9a4231", "#e0cf9a", "#843527"),
    "timber": ("#a88f5d", "#7c8f6b", "#92785a", "#6f8a99"),
    "clay": ("#d6c9ac", "#c7b595", "#bcd0d6", "#e0d8c4"),
    "tuff": ("#b98a7a", "#c79c88", "#a87a6c", "#cfae9d"),
    "stone": ("#d9cba9", "#cdbd97", "#e1d6b8", "#c4b48e"),
    "sand": ("#d8bf94", "#cbb084", "#e2cda6", "#bfa274"),
    "redearth": ("#a4532f", "#b56339", "#934a2b", "#c98a5e"),
    "narrow": ("#e3c15f", "#8fc0b5", "#e8e0cc", "#d99b7c", "#a9c47f"),
    "shop": ("#efe3c4", "#dfa27f", "#b9d3d1", "#e8cf7a"),
    "tilewhite": ("#dcdcd6", "#c9cfd0", "#e3dccf", "#b8b4ad"),
    "japan": ("#d6d0c4", "#b5aa9a", "#8a7f73", "#e4e1d9"),
}
ROOFS = {
    "asphalt": "#5b5653",
    "terracotta": "#b5623c",
    "redtile": "#9b4a36",
    "slate": "#4d535b",
    "tin": "#8f9a9c",
    "greytile": "#5c6268",
    "bluetile": "#3f6c9c",
    "thatch": "#9a804f",
    "flat": "",
}
# Per climate: grass near, grass far, soil; plants with their weights; share of cloud, of haze.
LAND: dict[str, dict[str, Any]] = {
    "tropical": {
        "ground": ("#5f8f3a", "#79a452", "#a8623a"),
        "plants": {"palm": 4, "broadleaf": 4, "shrub": 4, "banana": 3},
        "leaf": ("#2f6b2c", "#3f8436", "#57963a"),
        "cloud": 0.55,
        "haze": 0.35,
    },
    "subtropical": {
        "ground": ("#7a9447", "#94a660", "#a87a4c"),
        "plants": {"broadleaf": 5, "palm": 1, "shrub": 4, "pine": 2},
        "leaf": ("#44702f", "#5a8138", "#6d8e45"),
        "cloud": 0.4,
        "haze": 0.3,
    },
    "arid": {
        "ground": ("#c2a06b", "#cfb285", "#b98c58"),
        "plants": {"scrub": 8, "palm": 1, "acacia": 2},
        "leaf": ("#7b7f4c", "#8d8a58", "#6c7445"),
        "cloud": 0.12,
        "haze": 0.4,
    },
    "mediterranean": {
        "ground": ("#a9a05c", "#b9ad72", "#b48a5c"),
        "plants": {"cypress": 3, "olive": 5, "shrub": 4, "pine": 2},
        "leaf": ("#56692f", "#6f7d48", "#4b6035"),
        "cloud": 0.22,
        "haze": 0.22,
    },
    "temperate": {
        "ground": ("#5f9442", "#7ba65a", "#8a6f4a"),
        "plants": {"broadleaf": 7, "shrub": 4, "conifer": 1},
        "leaf": ("#3c6a2f", "#4f7f37", "#668f45"),
        "cloud": 0.6,
        "haze": 0.25,
    },
    "continental": {
        "ground": ("#82964a", "#9aa75f", "#86693f"),
        "plants": {"broadleaf": 4, "birch": 4, "conifer": 2, "shrub": 2},
        "leaf": ("#4a7034", "#64853f", "#7b9148"),
        "cloud": 0.45,
        "haze": 0.22,
    },
    "boreal": {
        "ground": ("#6b8646", "#7f945a", "#7a6a52"),
        "plants": {"conifer": 8, "birch": 4, "shrub": 1},
        "leaf": ("#2c4f35", "#38603c", "#587a44"),
        "cloud": 0.55,
        "haze": 0.18,
    },
    "polar": {
        "ground": ("#8a8b62", "#9a9a78", "#8a7f70"),
        "plants": {"scrub": 6, "conifer": 1},
        "leaf": ("#5f6b45", "#767a55", "#4e5c40"),
        "cloud": 0.6,
        "haze": 0.3,
    },
}
AUTUMN = ("#b5702c", "#c98a35", "#96592b")
BARE = ("#6f6257", "#7d6f60", "#5f564d")


class Dice:
    """The chance of one place: each question has its own answer, whatever else is asked."""

    def __init__(self, seed: int, place: Place) -> None:
        self.seed, self.place = seed, f"{place.lat}:{place.lon}"

    def number(self, name: str, low: float = 0.0, high: float = 1.0) -> float:
        value = low + (high - low) * uniform(self.seed, name, self.place)
        return round(value, 4)

    def whether(self, name: str, share: float) -> bool:
        return uniform(self.seed, name, self.place) < share


def scene(config: WorldConfig, dealt: Round) -> dict[str, Any]:
    """The scene of one round; a repeated place is the same picture again."""
    place, dice = dealt.place, Dice(config.seed, dealt.place)
    climate = zone(place.lat, place.lon)
    day, hour = int(dice.number("day", 0, 365)), dice.number("hour", 7.5, 17.5)
    when = season(place.lat, day)
    country = traits(place.country)
    urban = dice.number("urban") ** 1.3
    return {
        "kind": "good" if dealt.kind == "repeat" else dealt.kind,
        "seed": order_hash(config.seed, f"scene:{place.lat}:{place.lon}") % 2**32,
        "camera": _camera(dice, left=country.left),
        **_sky(dice, climate, max(4.0, sun_elevation(place.lat, day, hour))),
        **_land(dice, climate, when, urban),
        "road": _road(dice, country, climate, urban),
        **_roadside(dice, country, urban),
        "buildings": _buildings(dice, country, urban),
        "traffic": {
            "cars": int(dice.number("cars", 0, 2.4 + 3 * urban)),
            "plate": COLOURS[country.plate],
            "left": country.left,
        },
    }


def _camera(dice: Dice, *, left: bool) -> dict[str, float]:
    # The car drives in its own lane, and the camera looks up to 12 degrees aside.
    lane = dice.number("lane", 1.2, 2.0)
    return {
        "horizon": dice.number("horizon", 0.42, 0.52),
        "vanish": dice.number("vanish", 0.36, 0.64),
        "height": dice.number("height", 2.1, 2.9),
        "offset": -lane if left else lane,
        "curve": dice.number("curve", -1, 1) ** 3,
    }


def _sky(dice: Dice, climate: str, elevation: float) -> dict[str, Any]:
    cover = min(1.0, max(0.0, LAND[climate]["cloud"] + dice.number("cover", -0.45, 0.45)))
    visible = cover < 0.75 and dice.whether("facing the sun", 0.35) and elevation < 45
    sun = [dice.number("sun", 0.1, 0.9), round(0.45 - elevation / 100, 4)] if visible else None
    return {
        "light": {
            "level": round((0.84 + 0.16 * min(1.0, elevation / 35)) * (1 - 0.1 * cover), 4),
            "warmth": round(max(0.0, 1 - elevation / 18), 4),
            "sun": sun,
            "side": 1 if dice.whether("lit side", 0.5) else -1,
        },
        "sky": {"cover": round(cover, 4), "clouds": int(dice.number("clouds", 2, 4 + 9 * cover))},
        "haze": round(LAND[climate]["haze"] * dice.number("haze", 0.3, 1.6), 4),
    }


def _land(dice: Dice, climate: str, when: str, urban: float) -> dict[str, Any]:
    land = LAND[climate]
    snow = snowy(climate, when) and dice.whether("snow", 0.7)
    leaves = land["leaf"]
    if climate in ("temperate", "continental", "boreal"):
        leaves = {"autumn": AUTUMN, "winter": BARE}.get(when, leaves)
    dry = climate in ("arid", "polar")
    density = dice.number("plants", 0.3, 1.0) * (1 - 0.6 * urban) * (0.5 if dry else 1)
    return {
        "hills": {
            "height": dice.number("hills") ** 2 * 0.14,
            "rough": dice.number("rough", 0.3, 1.0),
            "bare": climate == "arid",
        },
        "ground": {"colours": list(land["ground"]), "snow": snow, "dry": dry},
        "plants": {
            "kinds": land["plants"],
            "density": round(density, 4),
            "leaves": list(leaves),
            "evergreen": list(land["leaf"]),
            "bare": when == "winter" and leaves is BARE,
        },
    }


def _road(dice: Dice, country: Traits, climate: str, urban: float) -> dict[str, Any]:
    rural = dice.whether("unpaved", 0.10 if urban < 0.35 else 0.0)
    colour, style = country.centre.split("-")
    edge, _, edge_style = country.edge.partition("-")
    grey = dice.number("asphalt", 0.32, 0.52)
    kerb = [COLOURS.get(name, name) for name in country.kerb.split("/") if name != "none"]
    return {
        "half": dice.number("road width", 3.0, 3.9) + 1.2 * (urban > 0.6),
        "unpaved": rural,
        "surface": LAND[climate]["ground"][2] if rural else f"rgb({_grey(grey)})",
        "centre": {"colour": COLOURS[colour], "style": "none" if rural else style},
        "edge": {
            "colour": COLOURS.get(edge, "#fff"),
            "style": "none" if rural or edge == "none" else edge_style or "solid",
        },
        "kerb": kerb if urban > 0.3 and not rural else [],
        "pavement": urban > 0.5,
    }


def _grey(level: float) -> str:
    value = round(255 * level)
    return f"{value},{value},{value + 4}"


def _roadside(dice: Dice, country: Traits, urban: float) -> dict[str, Any]:
    body, _, band = country.bollard.partition("/")
    return {
        "poles": {
            "kind": country.pole,
            "wires": country.wires,
            "spacing": dice.number("spacing", 22, 38),
            "side": 1 if dice.whether("pole side", 0.5) else -1,
        },
        "bollard": [COLOURS[body], COLOURS[band]] if body != "none" and urban < 0.75 else None,
        "fence": dice.whether("fence", 0.35),
        "signs": {
            "script": country.script,
            "colour": COLOURS[country.sign],
            "warning": country.warning if dice.whether("warning", 0.5) else "none",
            "boards": int(dice.number("boards", 0, 2.6)),
        },
    }


def _buildings(dice: Dice, country: Traits, urban: float) -> dict[str, Any]:
    return {
        "density": round(0.12 + 0.88 * urban, 4),
        "floors": round(1 + (4 if country.roof == "flat" else 2) * urban * dice.number("tall"), 4),
        "facades": list(FACADES[country.facade]),
        "roof": ROOFS[country.roof],
        "narrow": country.facade == "narrow",
        "planks": country.facade in ("clapboard", "falu", "timber", "chalet"),
    }
