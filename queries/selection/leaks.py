"""How well the splits of a selection are separated: in space, by group, by label."""

from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.stats import chi2_contingency

from enrich.geo.sphere import EARTH_RADIUS_KM, unit_vectors
from queries.selection.splits import Split

Floats = npt.NDArray[np.float64]


def leak_check(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The record `leak_check` of `selection.json`, over the tables `selected` and `clusters`.

    `distance_km`: between the two nearest samples of each two splits, None where one has none
    with a position. `groups_across_splits` and `clusters_across_splits`: games or sequences, and
    clusters of duplicates, with samples in several splits. `label_shares`: Pearson's chi-squared
    test of countries against splits. `countries`: samples of each country in each split.
    """
    countries = _countries(connection)
    return {
        "distance_km": _distances(connection),
        "groups_across_splits": _across(connection, "selected", "source, group_id", "group_id"),
        "clusters_across_splits": _across(
            connection,
            "selected JOIN (SELECT DISTINCT cluster, key FROM clusters) USING (key)",
            "cluster",
            "cluster",
        ),
        "label_shares": label_shares(countries),
        "countries": countries,
    }


def nearest_km(one: Floats, other: Floats) -> Floats:
    """For each point of `one` the distance to its nearest of `other`, in km.

    Both hold (lat, lon) in degrees, shape (n, 2); infinite where `other` is empty.
    """
    if not len(one) or not len(other):
        return np.full(len(one), np.inf)
    tree = cKDTree(unit_vectors(other[:, 0], other[:, 1]))
    chords, _ = tree.query(unit_vectors(one[:, 0], one[:, 1]), workers=-1)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chords / 2, 1.0)))


def label_shares(countries: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Whether splits have the same shares of each country: Pearson's chi-squared statistic.

    A small `p` says that they differ by more than chance would make them, were the samples divided
    one by one. Where whole groups or blocks are, shares differ more and p is small without any
    fault: compare chi2 between seeds and block sizes. With one split or one country there is
    nothing to compare: 0 degrees of freedom and p = 1.
    """
    counts = [[of_country[split] for split in Split] for of_country in countries.values()]
    table = np.array(counts, dtype=np.int64).reshape(len(countries), len(Split))
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return {"chi2": 0.0, "degrees_of_freedom": 0, "p": 1.0}
    test = chi2_contingency(table, correction=False)
    return {
        "chi2": _six_figures(test.statistic),
        "degrees_of_freedom": int(test.dof),
        "p": _six_figures(test.pvalue),
    }


def _distances(connection: duckdb.DuckDBPyConnection) -> dict[str, float | None]:
    points = {split: _points(connection, split) for split in Split}
    # The smaller side asks the tree of the larger one.
    pairs = {
        f"{one}-{other}": sorted((points[one], points[other]), key=len)
        for one, other in combinations(Split, 2)
    }
    return {
        name: round(float(nearest_km(few, many).min()), 6) if len(few) else None
        for name, (few, many) in pairs.items()
    }


def _points(connection: duckdb.DuckDBPyConnection, split: Split) -> Floats:
    columns = connection.execute(
        """SELECT DISTINCT lat, lon FROM selected
        WHERE split = ? AND lat IS NOT NULL AND lon IS NOT NULL""",
        [str(split)],
    ).fetchnumpy()
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in ("lat", "lon")], -1)


def _across(connection: duckdb.DuckDBPyConnection, rows: str, columns: str, named: str) -> int:
    """How many groups of rows, by `columns`, have rows in several splits; `named` names them."""
    [(count,)] = connection.execute(
        f"""SELECT count(*) FROM (
            SELECT {columns} FROM {rows} WHERE coalesce({named}, '') <> ''
            GROUP BY {columns} HAVING min(split) <> max(split))"""  # noqa: S608 - of this module
    ).fetchall()
    return int(count)


def _countries(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    columns = ", ".join(f"count(*) FILTER (split = '{split}')" for split in Split)
    rows = connection.execute(
        f"""SELECT country_code, {columns} FROM selected WHERE country_code IS NOT NULL
        GROUP BY country_code ORDER BY country_code"""  # noqa: S608 - made above
    ).fetchall()
    names = [str(split) for split in Split]
    return {code: dict(zip(names, counts, strict=True)) for code, *counts in rows}


def _six_figures(value: float) -> float:
    """Without the last digits, in which machines may differ."""
    return float(f"{value:.6g}")
