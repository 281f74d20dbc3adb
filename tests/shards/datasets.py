"""Builds small real datasets: enriched parts, a selection, without the stages that make them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import write_json
from shards.keys import order_hash
from shards.layout import DatasetLayout
from shards.schema import DUPLICATES_SCHEMA, METADATA_SCHEMA
from shards.tar import END_OF_ARCHIVE, write_member

PLACES = [
    ("SE", "Sweden", "SWE-3453", 55.7, 13.19),
    ("DE", "Germany", "DEU-1599", 52.52, 13.4),
    ("FR", "France", "FRA-1265", 48.85, 2.35),
]
SEED = 7


def picture(number: int, width: int = 64, height: int = 36) -> bytes:
    """A JPEG whose pixels depend on `number`."""
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def metadata_row(number: int, **changes: Any) -> dict[str, Any]:
    """A kept row in every column but those of the enriched tar; `changes` override."""
    code, name, region, lat, lon = PLACES[number % len(PLACES)]
    row = {
        "key": f"file-{number:06d}",
        "source": "file",
        "source_id": f"{number}.jpg",
        "group_id": f"group-{number // 4}",
        "lat": lat + number * 1e-4,
        "lon": lon,
        "country_code": code,
        "country_name": name,
        "country_from": "coordinates",
        "region_id": region,
        "region_name": f"{name}_Region_{region}",
        "region_distance_km": 0.0,
        "captured_at": datetime(2024, 5, 1, 12, 0, number % 60, tzinfo=UTC),
        "license": "CC-BY-SA-4.0",
        "attribution": 'A "quoted" name, Malmö',
        "extra": "{}",
        "source_width": 128,
        "source_height": 72,
        "width": 64,
        "height": 36,
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "phash": number,
        "rgb_variance": 1000.5,
        "laplacian_variance": 100.25,
        "brightness": 120.0,
        "status": "kept",
        "raw_segment": "raw/file/test-000000.tar",
        "raw_offset": 512 + 4096 * number,
        "view": 0,
        "raw_size": 2048,
    }
    return row | changes


def write_part(layout: DatasetLayout, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """One enriched part `file/<name>`: a tar with the kept rows' pictures, and all the rows."""
    tar = layout.enriched / "file" / f"{name}.tar"
    tar.parent.mkdir(parents=True, exist_ok=True)
    complete = []
    with open(tar, "wb") as file:
        for row in rows:
            places: dict[str, Any] = {"raw_segment": f"raw/file/{name}.tar"}
            if row["status"] == "kept":
                image = picture(row["phash"])
                offset = write_member(file, f"{row['key']}.jpg", image)
                places |= {
                    "tar": layout.relative(tar),
                    "tar_offset": offset,
                    "tar_size": len(image),
                }
            complete.append(row | places)
        file.write(END_OF_ARCHIVE)
    pq.write_table(
        pa.Table.from_pylist(complete, schema=METADATA_SCHEMA), tar.with_suffix(".parquet")
    )


def write_duplicates(layout: DatasetLayout, rows: Sequence[dict[str, Any]]) -> None:
    layout.catalog.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=DUPLICATES_SCHEMA), layout.duplicates)


def split_of(number: int) -> str:
    """70/20/10, by number."""
    return "train" if number % 10 < 7 else "validation" if number % 10 < 9 else "test"


def write_selection(layout: DatasetLayout, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Selects `rows` with labels taken from those in the training split."""
    train = [row for row in rows if split_of(row["phash"]) == "train"]
    countries = sorted({(row["country_code"], row["country_name"]) for row in train})
    regions = sorted(
        {
            (row["region_id"], row["region_name"], row["country_code"])
            for row in train
            if row["region_id"]
        }
    )
    country_index = {code: index for index, (code, _) in enumerate(countries)}
    region_index = {region: index for index, (region, *_) in enumerate(regions)}
    chosen = [
        {
            "key": row["key"],
            "split": split_of(row["phash"]),
            "country_code": row["country_code"],
            "region_id": row["region_id"],
            "country_index": country_index.get(row["country_code"], -1),
            "region_index": region_index.get(row["region_id"], -1),
        }
        for row in rows
    ]
    chosen.sort(key=lambda row: (row["split"], order_hash(SEED, row["key"])))
    schema = pa.schema(
        [(column, pa.string()) for column in ("key", "split", "country_code", "region_id")]
        + [("country_index", pa.int32()), ("region_index", pa.int32())]
    )
    directory = layout.selection(name)
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(chosen, schema=schema), directory / "selection.parquet")
    keys = "\n".join(sorted(row["key"] for row in rows))
    write_json(
        directory / "selection.json",
        {
            "name": name,
            "options": {"split": "random", "limit": None},
            "where": "",
            "seed": SEED,
            "counts": {},
            "countries": {},
            "keys_sha256": hashlib.sha256(keys.encode()).hexdigest(),
            "code_version": "0",
            "labels": {
                "countries": [
                    {"index": i, "code": code, "name": name, "samples": 1}
                    for i, (code, name) in enumerate(countries)
                ],
                "regions": [
                    {"index": i, "id": r, "name": name, "country_code": code, "samples": 1}
                    for i, (r, name, code) in enumerate(regions)
                ],
            },
        },
    )


def make_dataset(
    root: Path,
    rows: Sequence[dict[str, Any]] | int = 40,
    *,
    parts: int = 2,
    selection: str = "main",
) -> DatasetLayout:
    """A dataset with `parts` enriched parts and a selection of every kept row.

    `rows` are metadata rows (see `metadata_row`) or their number.
    """
    if isinstance(rows, int):
        rows = [metadata_row(number) for number in range(rows)]
    layout = DatasetLayout(root)
    for part in range(parts):
        write_part(layout, f"test-{part:06d}", rows[part::parts])
    write_selection(layout, selection, [row for row in rows if row["status"] == "kept"])
    return layout


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file of a directory with its bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def edit_json(path: Path, **changes: Any) -> None:
    """Replaces top-level values of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
