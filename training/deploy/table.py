"""Predictions as files: CSV, Parquet, GeoJSON and JSON lines, by the file's suffix."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shards.atomic import atomic_path, write_text
from shards.errors import UsageError

Prediction = Mapping[str, Any]
"""As `training.deploy.predict.predict_images` gives it."""

COLUMNS = (
    "image", "lat", "lon", "country_code", "country", "country_probability",
    "region_id", "region", "region_probability", "continent", "continent_probability", "error",
)  # fmt: skip
_NUMBERS = frozenset(
    {"lat", "lon", "country_probability", "region_probability", "continent_probability"}
)


def flat(prediction: Prediction) -> dict[str, Any]:
    """The likeliest country, region and continent and the position, by `COLUMNS`.

    None for what is unknown. For several views of one place `image` lists them, one a line.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row["image"] = prediction.get("image") or "\n".join(prediction["images"])
    row["error"] = prediction.get("error")
    if position := prediction.get("position"):
        row |= position
    for country in prediction.get("countries", [])[:1]:
        row["country_code"], row["country"] = country["code"], country["name"]
        row["country_probability"] = country["probability"]
    for region in prediction.get("regions", [])[:1]:
        row["region_id"], row["region"] = region["id"], region["name"]
        row["region_probability"] = region["probability"]
    for continent in prediction.get("continents", [])[:1]:
        row["continent"], row["continent_probability"] = continent["name"], continent["probability"]
    return row


def writer_for(path: Path) -> Callable[[Path, Sequence[Prediction]], None]:
    """What writes a file of this suffix. Raises UsageError for another suffix."""
    writers = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
        ".geojson": _write_geojson,
        ".jsonl": _write_json_lines,
    }
    if path.suffix.lower() not in writers:
        raise UsageError(f"--out {path}: end the name in one of {', '.join(writers)}")
    return writers[path.suffix.lower()]


def _write_csv(path: Path, predictions: Sequence[Prediction]) -> None:
    text = io.StringIO(newline="")
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(flat(prediction) for prediction in predictions)
    write_text(path, text.getvalue())


def _write_parquet(path: Path, predictions: Sequence[Prediction]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    guess = {"name": pa.string(), "probability": pa.float64()}
    country = pa.struct({"code": pa.string(), **guess})
    schema = pa.schema(
        [
            *((name, pa.float64() if name in _NUMBERS else pa.string()) for name in COLUMNS),
            ("countries", pa.list_(country)),
            ("regions", pa.list_(pa.struct({"id": pa.string(), **guess}))),
        ]
    )
    rows = [
        flat(one) | {"countries": one.get("countries"), "regions": one.get("regions")}
        for one in predictions
    ]
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)


def _write_geojson(path: Path, predictions: Sequence[Prediction]) -> None:
    """RFC 7946: longitude first; no geometry for a photograph without an answer."""
    features = []
    for prediction in predictions:
        row = flat(prediction)
        lat, lon = row.pop("lat"), row.pop("lon")
        point = None if lat is None else {"type": "Point", "coordinates": [lon, lat]}
        features.append({"type": "Feature", "geometry": point, "properties": row})
    write_text(path, _json({"type": "FeatureCollection", "features": features}) + "\n")


def _write_json_lines(path: Path, predictions: Sequence[Prediction]) -> None:
    write_text(path, "".join(_json(prediction) + "\n" for prediction in predictions))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
