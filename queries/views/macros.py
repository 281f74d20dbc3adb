"""What every question may call: distances, places, cells and shares, as SQL macros.

`haversine_km(lat1, lon1, lat2, lon2)`          great-circle distance in km
`destination(lat, lon, bearing, distance_km)`   the place so far away: a struct of lat and lon
`cell(lat, lon, size_km)`                       the number of the grid cell that holds a position
`cell_centre(cell, size_km)`                    its middle: a struct of lat and lon
`continent(country_code)`                       one of seven, in English
`share(n)`                                      n over the sum of n of all groups

Angles are in degrees, bearings clockwise from north, on the sphere of `EARTH_RADIUS_KM`. A null
argument gives null, and so does a position outside the Earth's.
"""

import duckdb

from queries.views.continents import continent_macro

EARTH_RADIUS_KM = 6371.0088
"""That of `enrich.geo.sphere`, whose import takes longer than most questions."""

SIGNATURES = (
    "haversine_km(lat1, lon1, lat2, lon2)",
    "destination(lat, lon, bearing, distance_km)",
    "cell(lat, lon, size_km)",
    "cell_centre(cell, size_km)",
    "continent(country_code)",
    "share(n)",
)

_HALF_CIRCUMFERENCE_KM = f"(pi() * {EARTH_RADIUS_KM})"
_ROW = 1 << 32
"""A cell's number is its row times this, and its column. A row has fewer columns than that, and
the number fits 64 bits, down to cells of a metre."""

_STATEMENTS = (
    # Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984). Rounding may lift the
    # square above 1 for antipodes; `least` would take a null for 1.
    "CREATE MACRO _arc(square) AS 2 * asin(sqrt(square / greatest(1.0, square)))",
    f"""CREATE MACRO haversine_km(lat1, lon1, lat2, lon2) AS {EARTH_RADIUS_KM} * _arc(
        pow(sin(radians(lat2 - lat1) / 2), 2)
        + cos(radians(lat1)) * cos(radians(lat2)) * pow(sin(radians(lon2 - lon1) / 2), 2))""",
    # Just below 180 the division rounds up.
    """CREATE MACRO _longitude(degrees) AS
        greatest(-180.0, degrees - 360 * floor((degrees + 180) / 360))""",
    # The angle at the pole is taken by atan2, so that it is right in all quadrants.
    """CREATE MACRO _from(phi, meridian, theta, delta, sine) AS {
        'lat': degrees(asin(sine)),
        'lon': _longitude(degrees(meridian + atan2(
            sin(theta) * sin(delta) * cos(phi), cos(delta) - sin(phi) * sine)))}""",
    f"""CREATE MACRO destination(lat, lon, bearing, distance_km) AS
        CASE WHEN lat + lon + bearing + distance_km IS NOT NULL THEN _from(
            radians(lat), radians(lon), radians(bearing), distance_km / {EARTH_RADIUS_KM},
            greatest(-1.0, least(1.0,
                sin(radians(lat)) * cos(distance_km / {EARTH_RADIUS_KM})
                + cos(radians(lat)) * sin(distance_km / {EARTH_RADIUS_KM}) * cos(radians(bearing))
            ))) END""",
    # Rows of one height, each divided into the number of columns that brings its cells nearest to
    # size_km squared: no cell is cut by the antimeridian, and none gets narrow near the poles.
    f"""CREATE MACRO _rows(size_km) AS CASE WHEN size_km > 0
        THEN greatest(1, round({_HALF_CIRCUMFERENCE_KM} / size_km))
        ELSE error('cell: size_km must be above 0') END""",
    f"""CREATE MACRO _columns(of_row, size_km) AS greatest(1, round(
        2 * pi() * pow({EARTH_RADIUS_KM} / size_km, 2)
        * (cos(pi() * of_row / _rows(size_km)) - cos(pi() * (of_row + 1) / _rows(size_km)))))""",
    """CREATE MACRO _row(lat, size_km) AS
        least(_rows(size_km) - 1, floor((lat + 90) / 180 * _rows(size_km)))""",
    f"""CREATE MACRO cell(lat, lon, size_km) AS
        CASE WHEN lat BETWEEN -90 AND 90 AND isfinite(lon::DOUBLE) THEN
            _row(lat, size_km)::BIGINT * {_ROW} + least(
                _columns(_row(lat, size_km), size_km) - 1,
                floor((_longitude(lon) + 180) / 360 * _columns(_row(lat, size_km), size_km))
            )::BIGINT END""",
    f"""CREATE MACRO cell_centre(cell, size_km) AS CASE WHEN cell IS NOT NULL THEN {{
        'lat': ((cell // {_ROW}) + 0.5) / _rows(size_km) * 180 - 90,
        'lon': ((cell % {_ROW}) + 0.5) / _columns(cell // {_ROW}, size_km) * 360 - 180}} END""",
    "CREATE MACRO share(n) AS n / nullif(sum(n) OVER (), 0)",
)


def add_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the macros, in the connection's own database."""
    for statement in (*_STATEMENTS, continent_macro()):
        connection.execute(statement)
