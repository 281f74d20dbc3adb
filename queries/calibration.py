"""One HTML file to choose thresholds by.

It shows where each score puts the captures, which pictures stand on both sides of each threshold,
and how well each score tells photographs from spoiled ones.

Like the report it holds all that it shows and runs no script. The same data give the same bytes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import duckdb

from enrich.images.decode import Pixels
from enrich.options import THRESHOLDS, EnrichOptions
from enrich.scores.degrade import degradations
from enrich.scores.quality import score as score_pixels
from enrich.scores.separation import Separation, measure
from queries.pages import environment
from queries.photographs import folder_photographs, stored_photographs
from queries.report.facts import Facts
from queries.report.scores import SCORES, Score, score_charts, stored_numbers
from queries.views.catalogue import connect
from shards.atomic import write_text
from shards.errors import UsageError
from shards.keys import order_hash_sql
from shards.layout import DatasetLayout
from shards.pages.thumbnails import stored_thumbnail, thumbnail
from shards.store import Store

PICTURES = 6
"""On each side of a threshold."""
THUMBNAIL_WIDTH = 240
_SAME_SCORE = 20
"""How many copies of one picture may stand at a threshold before they hide others."""


def parse_thresholds(texts: Sequence[str]) -> dict[str, float]:
    """`min_rgb_variance=500` and the like. Raises UsageError for anything else."""
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = math.nan
        if name not in THRESHOLDS or not math.isfinite(found[name]):
            names = ", ".join(THRESHOLDS)
            raise UsageError(f"--at {text}: write NAME=NUMBER, with one of {names}")
    return found


def calibrate(
    layout: DatasetLayout | None,
    photos: Path | None,
    *,
    spoil: int,
    tried: Mapping[str, float] | None = None,
    out: Path | None,
) -> dict[str, Any]:
    """Measures what there is and, with a place for it, writes the page `index.html`.

    The scores' charts are of the dataset `layout`. Up to `spoil` photographs are spoiled: those of
    the folder `photos`, else kept ones of the dataset. The thresholds are those that the dataset
    was made with, or `tried` in their place. Raises UsageError without photographs or dataset.
    """
    charts: list[dict[str, Any]] = []
    options = EnrichOptions() if layout is None else _made_with(layout)
    thresholds = options.thresholds() | dict(tried or {})
    photographs: Iterator[Pixels] = iter(())
    if layout is not None:
        if not layout.parts():
            raise UsageError(f"{layout.root}: no scores yet; run `lostfound enrich` first")
        connection = connect(layout)
        charts = _charts(layout.store, connection, thresholds)
        photographs = stored_photographs(layout.store, connection, options, spoil)
        out = out or layout.report("calibration")
    if photos is not None:
        photographs = folder_photographs(photos, options, spoil)
    elif layout is None:
        raise UsageError("nothing to calibrate by; give a DATASET, or --photos FOLDER, or both")
    example = next(photographs, None)
    first = [] if example is None else [example]
    count, separations = measure(chain(first, photographs), thresholds)
    summary = {
        "scores": {chart["score"].column: chart["counts"] for chart in charts},
        "photographs": count,
        "separation": [_record(one) for one in separations],
    }
    if out is None:
        return summary
    html = _page(
        subject=layout.name if layout else (photos or out).resolve().name,
        charts=charts,
        photographs=count,
        own=photos is None,
        separations=_by_way(separations),
        expected=_by_score(separations),
        example=_spoiled(example),
    )
    write_text(out / "index.html", html)
    page = out / "index.html"
    where = layout.shown(page) if layout and page.is_relative_to(layout.root) else str(page)
    return summary | {"bytes": len(html.encode()), "page": where}


def _made_with(layout: DatasetLayout) -> EnrichOptions:
    """The working size and the thresholds of a dataset; defaults for what it does not say."""
    stored = stored_numbers(layout)
    known: dict[str, Any] = {name: stored[name] for name in THRESHOLDS if name in stored}
    known |= {side: int(stored[side]) for side in ("width", "height") if side in stored}
    return EnrichOptions(**known)


def _page(**values: Any) -> str:
    return environment().get_template("calibration.html.j2").render(scores=SCORES, **values)


def shown(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary for people: of the separations the AUC alone, where the score must see it."""
    auc: dict[str, dict[str, float]] = {}
    for one in summary["separation"]:
        if one["expected"]:
            way = f"{one['kind']}, {one['unit']} {one['strength']:g}"
            auc.setdefault(one["score"], {})[way] = one["auc"]
    return {name: value for name, value in summary.items() if name != "separation"} | {"auc": auc}


def _charts(
    store: Store, connection: duckdb.DuckDBPyConnection, thresholds: dict[str, float]
) -> list[dict[str, Any]]:
    charts = score_charts(Facts(connection), thresholds)
    for chart in charts:
        score, limits = chart["score"], chart["limits"]
        chart["counts"] = _counts(connection, score, limits)
        chart["groups"] = [
            (heading, [_shown(store, picture) for picture in pictures])
            for heading, pictures in _groups(connection, score, limits)
        ]
    return charts


def _counts(
    connection: duckdb.DuckDBPyConnection, score: Score, limits: list[float]
) -> dict[str, Any]:
    """How many captures have the score, and how many stand on each side of each threshold."""
    sides = "".join(f", count(*) FILTER ({score.column} <= {limit!r})" for limit in limits)
    [row] = connection.execute(
        f"SELECT count(*){sides} FROM captures WHERE isfinite({score.column})"  # noqa: S608 - constants, numbers
    ).fetchall()
    below = dict(zip((f"{limit:g}" for limit in limits), row[1:], strict=True))
    return {"captures": row[0], "not_above": below}


def _groups(
    connection: duckdb.DuckDBPyConnection, score: Score, limits: list[float]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The pictures nearest to each threshold; without one, those at both ends of the scale."""
    for limit in limits:
        below = _nearest(connection, f"{score.column} <= {limit!r}", f"{score.column} DESC")
        yield f"Just below {limit:g}", below[::-1]
        yield (
            f"Just above {limit:g}",
            _nearest(connection, f"{score.column} > {limit!r}", score.column),
        )
    if not limits:
        yield "The lowest", _nearest(connection, "true", score.column)
        yield "The highest", _nearest(connection, "true", f"{score.column} DESC")[::-1]


def _nearest(
    connection: duckdb.DuckDBPyConnection, condition: str, order: str
) -> list[dict[str, Any]]:
    """The first different pictures in that order: as stored where they are, else as captured."""
    column = order.split()[0]
    cursor = connection.execute(
        f"""WITH near AS (
            SELECT *, {column} AS value, {order_hash_sql(0)} AS position FROM captures
            WHERE {condition} AND isfinite({column}) AND raw_size > 0
            ORDER BY {order}, position, raw_segment, raw_offset, view
            LIMIT {PICTURES * _SAME_SCORE}
        ), different AS (
            SELECT * FROM near QUALIFY row_number() OVER (PARTITION BY sha256, view
                ORDER BY status, position, raw_segment, raw_offset) = 1
        )
        SELECT key, value, status, reason, source_url, coalesce(tar, raw_segment) AS file,
            if(tar IS NULL, raw_offset, tar_offset) AS file_offset,
            if(tar IS NULL, raw_size, tar_size) AS size
        FROM different ORDER BY {order}, position, raw_segment, raw_offset, view
        LIMIT {PICTURES}"""  # noqa: S608 - column names of this stage, numbers
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _shown(store: Store, picture: dict[str, Any]) -> dict[str, Any]:
    place = (picture["file"], picture["file_offset"], picture["size"])
    return picture | {"image": stored_thumbnail(store, *place, THUMBNAIL_WIDTH)}


def _record(one: Separation) -> dict[str, Any]:
    way = one.degradation
    return {
        "kind": way.kind,
        "unit": way.unit,
        "strength": way.strength,
        "score": one.score,
        "expected": one.expected,
        "auc": one.auc,
        "threshold": one.threshold,
        "kept": one.kept,
        "rejected": one.rejected,
        "in_use": one.in_use,
        "rejected_in_use": one.rejected_in_use,
    }


def _by_way(separations: list[Separation]) -> list[tuple[str, list[Separation]]]:
    """The separations of each degradation, in the order of the scores."""
    found: dict[str, dict[str, Separation]] = {}
    for one in separations:
        found.setdefault(one.degradation.name, {})[one.score] = one
    return [(name, [row[score.column] for score in SCORES]) for name, row in found.items()]


def _by_score(separations: list[Separation]) -> list[tuple[Score, list[Separation]]]:
    """For each score the degradations that it must see."""
    return [
        (score, [one for one in separations if one.expected and one.score == score.column])
        for score in SCORES
    ]


def _spoiled(pixels: Pixels | None) -> list[dict[str, Any]]:
    """A photograph as it is and in each of its spoiled versions, with all scores."""
    if pixels is None:
        return []
    versions = [("as it is", pixels), *((way.name, way(pixels)) for way in degradations())]
    return [
        {"name": name, "image": _picture(version), "scores": score_pixels(version)}
        for name, version in versions
    ]


def _picture(pixels: Pixels) -> str | None:
    return thumbnail(cv2.imencode(".png", pixels)[1].tobytes(), THUMBNAIL_WIDTH)
