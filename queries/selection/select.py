"""Makes a selection: which samples, in which split, with which label indices, and why.

`selections/<name>/selection.parquet` holds the rows, `selection.json`, written last, says how
they were chosen. The same samples and options give the same bytes.
"""

from collections.abc import Callable
from typing import Any

import duckdb

from queries.selection.candidates import gather, statement
from queries.selection.choose import choose
from queries.selection.contamination import decontaminate
from queries.selection.divide import divide, split_sql
from queries.selection.leaks import leak_check
from queries.selection.options import Options
from queries.selection.splits import Split
from queries.selection.written import (
    DESCRIBED,
    FORMAT,
    batches,
    split_counts,
    write_selection,
)
from queries.views.catalogue import connect
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.labels import CountryLabel, Labels, RegionLabel
from shards.layout import DatasetLayout
from shards.rows import SELECTION_VERSION
from shards.version import code_version

STEPS = 6
Check = Callable[[dict[str, Any]], None]


def select(
    layout: DatasetLayout,
    name: str,
    options: Options,
    *,
    check: Check | None = None,
) -> dict[str, Any]:
    """Writes the selection `name` and returns its record, the content of `selection.json`.

    `check` sees the record before a selection of the same name is replaced, and may raise. Raises
    UsageError for a bad condition or impossible quotas, WorkError when nothing matches.
    """
    try:
        return _select(layout, name, options, check)
    except duckdb.OutOfMemoryException as error:
        problem = str(error).splitlines()[0]
        raise WorkError(f"{layout.root}: out of memory or disk ({problem}); free some") from None


def _select(
    layout: DatasetLayout, name: str, options: Options, check: Check | None
) -> dict[str, Any]:
    folder = layout.selection(name)
    connection = connect(layout, bounded=True)
    with progress("selecting", STEPS) as advance:
        unlicensed = gather(connection, options)
        advance()
        decontaminated = decontaminate(connection, options)
        advance()
        spatial = divide(connection, options)
        advance()
        mapping = choose(connection, options)
        advance()
        _describe(connection, options)
        advance()
        leaks = leak_check(connection)
        advance()
    labels = _labels(connection)
    record = {
        "format": FORMAT,
        "format_version": SELECTION_VERSION,
        "name": name,
        "options": options.to_json(),
        "where": options.where,
        "sql": statement(options),
        "seed": options.seed,
        "counts": split_counts(connection),
        "countries": _countries(connection),
        "mapping": mapping.to_json() if mapping else None,
        "unlicensed": unlicensed,
        "decontaminated": decontaminated,
        **spatial,
        "leak_check": leaks,
        "labels": labels.model_dump(),
        "code_version": code_version(),
    }

    def complete(keys_sha256: str) -> dict[str, Any]:
        whole = record | {"keys_sha256": keys_sha256}
        if check:
            check(whole)
        return whole

    return write_selection(folder, batches(connection, labels), complete)


def _describe(connection: duckdb.DuckDBPyConnection, options: Options) -> None:
    """Makes the table `selected`: the chosen rows with all that is written or checked of them.

    Raises UsageError when the condition gave other rows than before.
    """
    connection.execute(
        f"""CREATE TEMP TABLE selected AS
        SELECT {", ".join(DESCRIBED)}, position, {split_sql(options)} AS split
        FROM eligible JOIN (SELECT key, position FROM chosen) USING (key)"""  # noqa: S608 - made above
    )
    [(chosen, selected)] = connection.execute(
        "SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM selected)"
    ).fetchall()
    if chosen != selected:
        raise UsageError(
            "--where gives other samples each time it is asked; without random() and the like,"
            " --limit and --seed take a sample that stays"
        )


def _labels(connection: duckdb.DuckDBPyConnection) -> Labels:
    """The classes of the training split, sorted by their identifiers."""
    countries = _classes(connection, "country_code", "country_name")
    regions = _classes(connection, "region_id", "region_name")
    return Labels(
        countries=[
            CountryLabel(index=index, code=code, name=name, samples=samples)
            for index, (code, name, _, samples) in enumerate(countries)
        ],
        regions=[
            RegionLabel(index=index, id=id_, name=name, country_code=country, samples=samples)
            for index, (id_, name, country, samples) in enumerate(regions)
        ],
    )


def _classes(
    connection: duckdb.DuckDBPyConnection, column: str, name: str
) -> list[tuple[str, str, str, int]]:
    return connection.execute(
        f"""SELECT {column}, coalesce(min({name}), {column}), coalesce(min(country_code), ''),
                   count(*)
        FROM selected WHERE split = '{Split.TRAIN}' AND {column} IS NOT NULL
        GROUP BY {column} ORDER BY {column}"""  # noqa: S608 - column names of this module
    ).fetchall()


def _countries(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many samples each country has."""
    return dict(
        connection.execute(
            """SELECT country_code, count(*) FROM selected WHERE country_code IS NOT NULL
            GROUP BY country_code ORDER BY country_code"""
        ).fetchall()
    )
