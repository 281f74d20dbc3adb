"""Outlines of countries, for drawing only. `enrich/data/build_regions.py` makes the file."""

import json
from functools import cache
from pathlib import Path

OUTLINES = Path(__file__).with_name("outlines.json")
Ring = list[list[float]]


@cache
def outlines() -> dict[str, list[Ring]]:
    """Rings of [lon, lat] in degrees by country code."""
    countries = json.loads(OUTLINES.read_bytes())["countries"]
    return {country["code"]: country["rings"] for country in countries}
