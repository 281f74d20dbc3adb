"""Makes small real shard directories of drawn pictures that a network can learn in seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import write_json
from shards.labels import LABELS_NAME, CountryLabel, Labels, RegionLabel
from shards.manifest import Manifest, SelectionEntry, file_entry, write_manifest
from shards.schema import SHARD_SCHEMA
from shards.tar import END_OF_ARCHIVE, write_member


@dataclass(frozen=True)
class Place:
    code: str
    name: str
    region_id: str
    lat: float
    lon: float
    colour: tuple[int, int, int]


PLACES = (
    Place("BR", "Brazil", "BRA-1311", -23.5, -46.6, (200, 40, 40)),
    Place("DE", "Germany", "DEU-1599", 52.5, 13.4, (40, 200, 40)),
    Place("JP", "Japan", "JPN-1860", 35.7, 139.7, (40, 40, 200)),
    Place("SE", "Sweden", "SWE-3429", 55.7, 13.2, (200, 200, 40)),
)
SPLITS = {"train": 32, "validation": 8, "test": 11}


def picture(place: Place, number: int, width: int = 64, height: int = 36) -> np.ndarray:
    """(height, width, 3) RGB noise around the place's colour, which is all there is to learn."""
    random = np.random.default_rng(number)
    noise = random.normal(0, 40, (height, width, 3))
    return np.clip(np.array(place.colour) + noise, 0, 255).astype(np.uint8)


def encode(image: np.ndarray, extension: str = ".jpg") -> bytes:
    return cv2.imencode(extension, image[..., ::-1])[1].tobytes()


def make_shards(
    directory: Path,
    splits: dict[str, int] | None = None,
    *,
    changes: dict[str, dict[str, Any]] | None = None,
    images: dict[str, bytes] | None = None,
    places: tuple[Place, ...] = PLACES,
) -> Path:
    """A finished shard directory, two shards a split. `changes`: columns of rows by key."""
    splits = SPLITS if splits is None else splits
    entries, number = [], 0
    for split, samples in splits.items():
        halves = [range(samples // 2), range(samples // 2, samples)]
        for shard, rows in enumerate(half for half in halves if len(half)):
            name = f"{split}-{shard:06d}"
            table, tar = [], directory / "data" / f"{name}.tar"
            tar.parent.mkdir(parents=True, exist_ok=True)
            with open(tar, "wb") as file:
                for _ in rows:
                    row = _row(number, split, name, places)
                    key, place = row["key"], places[number % len(places)]
                    image = (images or {}).get(key) or encode(picture(place, number))
                    row["tar_offset"] = write_member(file, f"{key}.jpg", image)
                    row["tar_size"] = len(image)
                    write_member(file, f"{key}.json", b"{}")
                    table.append(row | (changes or {}).get(key, {}))
                    number += 1
                file.write(END_OF_ARCHIVE)
            metadata = directory / "metadata" / f"{name}.parquet"
            metadata.parent.mkdir(exist_ok=True)
            pq.write_table(pa.Table.from_pylist(table, schema=SHARD_SCHEMA), metadata)
            entries.append(file_entry(directory, f"data/{name}.tar", len(rows)))
            entries.append(file_entry(directory, f"metadata/{name}.parquet", len(rows)))
    labels = _labels(splits.get("train", 0), places)
    write_json(directory / LABELS_NAME, labels.model_dump())
    entries.append(file_entry(directory, LABELS_NAME))
    write_manifest(
        directory,
        Manifest(
            code_version="test",
            options={},
            selection=SelectionEntry(name="test", keys_sha256="0", seed=0, options={}),
            samples=number,
            splits=splits,
            columns=[],
            sample_fields=[],
            files=entries,
        ),
    )
    return directory


def _row(number: int, split: str, shard: str, places: tuple[Place, ...]) -> dict[str, Any]:
    index = number % len(places)
    place = places[index]
    return {
        "key": f"test-{number:04d}",
        "lat": place.lat + number % 7 / 10,
        "lon": place.lon,
        "country_code": place.code,
        "region_id": place.region_id,
        "split": split,
        "tar": f"data/{shard}.tar",
        "country_index": index,
        "region_index": index,
    }


def _labels(samples: int, places: tuple[Place, ...]) -> Labels:
    each = samples // len(places)
    return Labels(
        countries=[
            CountryLabel(index=i, code=p.code, name=p.name, samples=each)
            for i, p in enumerate(places)
        ],
        regions=[
            RegionLabel(index=i, id=p.region_id, name=p.name, country_code=p.code, samples=each)
            for i, p in enumerate(places)
        ],
    )
