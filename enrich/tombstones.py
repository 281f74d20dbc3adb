"""Rejects rows that the dataset's deny-list names: photographs, authors, places. By SQL.

A row with the same captured bytes as one that is named is the same picture, and goes too. So do
all views of a panorama with any of them, and by the key of its capture.
"""

from pathlib import Path

import duckdb
import pyarrow as pa

from shards.atomic import atomic_path
from shards.database import connect
from shards.denyfile import load_denylist
from shards.denylist import EARTH_RADIUS_KM, DenyList, Kind, Rule
from shards.keys import view_stems
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import TOMBSTONES_SCHEMA, Reason

_RULES_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("rule", pa.string()),
        ("value", pa.string()),
        ("source", pa.string()),
        ("detail", pa.string()),
        ("denied_at", pa.string()),
        *((name, pa.float64()) for name in ("west", "south", "east", "north")),
        *((name, pa.float64()) for name in ("lat", "lon", "km")),
    ]
)
_NAMES_SCHEMA = pa.schema(
    [*((name, pa.string()) for name in ("source", "author", "attribution")), ("number", pa.int64())]
)
_STEMS_SCHEMA = pa.schema([("number", pa.int64()), ("stem", pa.string())])
_EXACT = {Kind.KEY: "key", Kind.ID: "source_id", Kind.GROUP: "group_id"}
_OF_SOURCE = "(rules.source = '' OR rules.source = named.source)"
_INSIDE = {
    Kind.BOX: "named.lat BETWEEN south AND north AND if(west <= east,"
    " named.lon BETWEEN west AND east, named.lon >= west OR named.lon <= east)",
    # The haversine formula.
    Kind.CIRCLE: f"2 * {EARTH_RADIUS_KM} * asin(sqrt(least(1,"
    " sin(radians(named.lat - rules.lat) / 2) ** 2 + cos(radians(named.lat))"
    " * cos(radians(rules.lat)) * sin(radians(named.lon - rules.lon) / 2) ** 2))) <= km",
}


def find_tombstones(layout: DatasetLayout) -> int:
    """Writes `catalog/tombstones.parquet` from the rows of all parts; returns how many it rejects.

    Without a row that is rejected there is no file.
    """
    denylist = load_denylist(layout)
    parts = [duckdb_path(path) for path in layout.parts()]
    if not denylist.rules or not parts:
        layout.tombstones.unlink(missing_ok=True)
        return 0
    with connect(layout.catalog) as connection:
        files = ", ".join(map(_literal, parts))
        connection.execute(
            f"""
            CREATE TEMP VIEW named AS
            SELECT raw_segment, raw_offset, view, key, source, source_id, group_id, lat, lon,
                attribution, sha256,
                CASE WHEN suffix(key, '-v' || view)
                    THEN left(key, length(key) - length('-v' || view)) END AS stem,
                CASE WHEN json_valid(extra) AND json_type(extra, '$.author') = 'VARCHAR'
                    THEN json_extract_string(extra, '$.author') END AS author
            FROM read_parquet([{files}]) WHERE status = 'kept'
            """  # noqa: S608 - quoted paths
        )
        connection.register("rules", _rule_table(denylist))
        connection.execute(
            "CREATE TEMP TABLE found (raw_segment VARCHAR, raw_offset BIGINT, view INTEGER,"
            " number BIGINT)"
        )
        _find_exact(connection)
        _find_views(connection, denylist)
        _find_inside(connection)
        _find_authors(connection, denylist)
        return _write(connection, layout.tombstones)


def _rule_table(denylist: DenyList) -> pa.Table:
    rows = []
    for number, rule in enumerate(denylist.rules):
        detail = f"{rule.rule} of the deny-list" + (f": {rule.reason}" if rule.reason else "")
        row = {
            "number": number,
            "rule": str(rule.rule),
            "value": rule.value,
            "source": rule.source,
            "detail": detail,
            "denied_at": rule.added_at,
        }
        rows.append(row | _area(rule))
    return pa.Table.from_pylist(rows, schema=_RULES_SCHEMA)


def _area(rule: Rule) -> dict[str, float]:
    if rule.rule is Kind.BOX:
        return dict(zip(("west", "south", "east", "north"), rule.box(), strict=True))
    if rule.rule is Kind.CIRCLE:
        return dict(zip(("lat", "lon", "km"), rule.circle(), strict=True))
    return {}


def _find_exact(connection: duckdb.DuckDBPyConnection) -> None:
    for kind, column in _EXACT.items():
        _insert(connection, f"rules.rule = '{kind}' AND rules.value = named.{column}")


def _find_views(connection: duckdb.DuckDBPyConnection, denylist: DenyList) -> None:
    """The views of a panorama whose capture's key is named."""
    stems = [
        {"number": number, "stem": stem}
        for number, rule in enumerate(denylist.rules)
        if rule.rule is Kind.KEY
        for stem in view_stems(rule.value)
    ]
    connection.register("stems", pa.Table.from_pylist(stems, schema=_STEMS_SCHEMA))
    connection.execute(
        f"""
        INSERT INTO found SELECT raw_segment, raw_offset, view, number
        FROM named JOIN stems USING (stem) JOIN rules USING (number) WHERE {_OF_SOURCE}
        """  # noqa: S608 - a constant of this module
    )


def _find_inside(connection: duckdb.DuckDBPyConnection) -> None:
    for kind, condition in _INSIDE.items():
        _insert(connection, f"rules.rule = '{kind}' AND {condition}")


def _insert(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    connection.execute(
        f"""
        INSERT INTO found SELECT raw_segment, raw_offset, view, number
        FROM named JOIN rules ON {_OF_SOURCE} AND {condition}
        """  # noqa: S608 - constants of this module
    )


def _find_authors(connection: duckdb.DuckDBPyConnection, denylist: DenyList) -> None:
    """Names are compared in one place only, over the distinct ones."""
    if not any(rule.rule is Kind.AUTHOR for rule in denylist.rules):
        return
    names = connection.execute("SELECT DISTINCT source, author, attribution FROM named").fetchall()
    numbered = [
        {"source": source, "author": author, "attribution": attribution, "number": number}
        for source, author, attribution in names
        if (number := denylist.author_rule(source, author or "", attribution or "")) is not None
    ]
    connection.register("names", pa.Table.from_pylist(numbered, schema=_NAMES_SCHEMA))
    connection.execute(
        "INSERT INTO found SELECT raw_segment, raw_offset, view, number FROM named JOIN names"
        " ON named.source IS NOT DISTINCT FROM names.source"
        " AND named.author IS NOT DISTINCT FROM names.author"
        " AND named.attribution IS NOT DISTINCT FROM names.attribution"
    )


def _write(connection: duckdb.DuckDBPyConnection, final: Path) -> int:
    connection.execute(
        """
        CREATE TEMP TABLE tombstones AS
        WITH first AS (
            SELECT raw_segment, raw_offset, view, min(number) AS number FROM found GROUP BY ALL
        ), direct AS (
            SELECT named.*, rules.detail, rules.denied_at FROM named
            JOIN first USING (raw_segment, raw_offset, view) JOIN rules USING (number)
        ), pictures AS (
            SELECT sha256, min(struct_pack(key, denied_at)) AS original FROM direct
            WHERE sha256 IS NOT NULL GROUP BY sha256
        )
        SELECT raw_segment, raw_offset, view, key, source, detail, denied_at FROM direct
        UNION ALL
        SELECT raw_segment, raw_offset, view, key, source,
            'the same bytes as ' || original.key, original.denied_at
        FROM named JOIN pictures USING (sha256)
        ANTI JOIN first USING (raw_segment, raw_offset, view)
        """
    )
    [(count,)] = connection.execute("SELECT count(*) FROM tombstones").fetchall()
    if not count:
        final.unlink(missing_ok=True)
        return 0
    columns = ", ".join(
        f"'{Reason.OPTED_OUT}' AS reason" if name == "reason" else name
        for name in TOMBSTONES_SCHEMA.names
    )
    rows = connection.sql(
        f"SELECT {columns} FROM tombstones ORDER BY raw_segment, raw_offset, view"  # noqa: S608
    )
    with atomic_path(final) as temporary:
        rows.write_parquet(str(temporary), compression="zstd")
    return int(count)


def _literal(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
