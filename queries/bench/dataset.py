"""A made-up dataset of any size, for measuring what reads rows: real places, drawn pictures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from enrich.bench.geocode import realistic_points
from enrich.geo.countries import country_names
from enrich.geo.regions import load_region_table
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA, Reason, Status
from shards.segment import segment_name
from shards.tar import END_OF_ARCHIVE, write_member

PICTURES = 500
"""Different pictures; rows share them."""
REJECTED_SHARE = 0.06
AUTHORS = 5000
SOURCE = "made"
_REASONS = (Reason.LOW_VARIANCE, Reason.BLURRY, Reason.NO_COUNTRY, Reason.TOO_SMALL)
_LICENCES = ("CC-BY-SA-4.0", "CC-BY-4.0", "CC0-1.0")


def make_dataset(root: Path, rows: int) -> DatasetLayout:
    """One enriched part with `rows` rows, the same for the same number; `root` must not exist."""
    root.mkdir(parents=True)
    layout = DatasetLayout(root)
    segment = layout.raw_source(SOURCE) / f"{segment_name('w0', 0)}.tar"
    tar = layout.part_tar(segment)
    tar.parent.mkdir(parents=True)
    places = _write_pictures(tar)
    table = pa.table(_columns(rows, places, layout.relative(segment), layout.relative(tar)))
    missing = {
        name: pa.nulls(rows) for name in METADATA_SCHEMA.names if name not in table.schema.names
    }
    for name, column in missing.items():
        table = table.append_column(name, column)
    pq.write_table(
        table.select(METADATA_SCHEMA.names).cast(METADATA_SCHEMA), layout.part_rows(segment)
    )
    return layout


def _write_pictures(tar: Path) -> list[tuple[int, int]]:
    """(offset, size) of each picture."""
    places = []
    grain = np.random.default_rng(0).integers(-14, 15, (180, 320, 3), dtype=np.int16)
    with open(tar, "wb") as file:
        for number in range(PICTURES):
            data = _picture(number, grain)
            places.append((write_member(file, f"p{number}.jpg", data), len(data)))
        file.write(END_OF_ARCHIVE)
    return places


def _picture(number: int, grain: npt.NDArray[np.int16]) -> bytes:
    """Soft blotches under some grain: as many bytes as a photograph's thumbnail has."""
    small = np.random.default_rng(number).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    image = cv2.resize(small, (320, 180), interpolation=cv2.INTER_CUBIC)
    encoded, data = cv2.imencode(".jpg", np.clip(image + grain, 0, 255).astype(np.uint8))
    assert encoded
    return bytes(data)


def _columns(rows: int, places: list[tuple[int, int]], segment: str, tar: str) -> dict[str, Any]:
    random = np.random.default_rng(0)
    regions = load_region_table()
    lats, lons, _ = realistic_points(regions, rows)
    found, distances = regions.locate(lats, lons)
    inside = found >= 0
    codes = [regions.country_codes[at] if at >= 0 else None for at in found.tolist()]
    names = country_names()
    rejected = (random.random(rows) < REJECTED_SHARE) | ~inside
    reasons = [str(_REASONS[at]) for at in random.integers(0, len(_REASONS), rows)]
    shown = [places[at] for at in random.integers(0, len(places), rows)]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    minutes = random.integers(0, 3_000_000, rows).tolist()
    kept = np.flatnonzero(~rejected)
    masked = np.ones(rows, bool)
    masked[kept] = False
    return {
        "key": [f"made-{number:08d}" for number in range(rows)],
        "source": [SOURCE] * rows,
        "source_id": [str(number) for number in range(rows)],
        "group_id": [f"sequence-{number // 20}" for number in range(rows)],
        "lat": lats,
        "lon": lons,
        "country_code": codes,
        "country_name": [names.get(code) if code else None for code in codes],
        "region_id": [regions.ids[at] if at >= 0 else None for at in found.tolist()],
        "region_name": [
            f"{code}_{regions.names[at]}_{regions.ids[at]}" if at >= 0 else None
            for code, at in zip(codes, found.tolist(), strict=True)
        ],
        "region_distance_km": pa.array(np.where(inside, distances, 0.0), mask=~inside),
        "captured_at": [start + timedelta(minutes=at) for at in minutes],
        "license": [_LICENCES[at] for at in random.integers(0, len(_LICENCES), rows)],
        "attribution": [f"Author {at}" for at in random.integers(0, AUTHORS, rows)],
        "source_url": [f"https://example.org/{number}" for number in range(rows)],
        "sha256": [f"{number:064x}" for number in range(rows)],
        "rgb_variance": random.lognormal(8, 0.7, rows),
        "laplacian_variance": random.lognormal(6.5, 0.9, rows),
        "brightness": np.clip(random.normal(115, 30, rows), 0, 255),
        "contrast": np.clip(random.normal(55, 12, rows), 0, 127.5),
        "entropy": np.clip(random.normal(7.2, 0.4, rows), 0, 8),
        "status": np.where(rejected, str(Status.REJECTED), str(Status.KEPT)),
        "reason": pa.array(reasons, mask=~rejected),
        "raw_segment": [segment] * rows,
        "raw_offset": np.arange(rows) * 4096 + 512,
        "raw_size": np.full(rows, 60_000),
        "view": np.zeros(rows, np.int32),
        "tar": pa.array([tar] * rows, mask=rejected),
        "tar_offset": pa.array([offset for offset, _ in shown], mask=rejected),
        "tar_size": pa.array([size for _, size in shown], mask=rejected),
    }
