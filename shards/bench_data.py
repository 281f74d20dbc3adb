"""A dataset of any size with small synthetic pictures, as the stages before `build` leave it."""

from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import write_json
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA, Status
from shards.tar import BLOCK, END_OF_ARCHIVE, header, member_size, padded

NAME = "bench"
"""Of the selection."""
PART_SAMPLES = 50_000
PICTURES = 200
"""Different pictures; a sample has one of them."""
SPLITS = {"test": 0.1, "train": 0.7, "validation": 0.2}


def make_dataset(layout: DatasetLayout, samples: int) -> None:
    """Enriched parts and the selection `bench` of all of them, without the stages before."""
    choices = pictures()
    for part, first in enumerate(range(0, samples, PART_SAMPLES)):
        numbers = range(first, min(first + PART_SAMPLES, samples))
        _write_part(layout, part, numbers, choices)
    _select(layout, samples)


def pictures() -> list[bytes]:
    """JPEGs of 320 by 180 pixels and 2 to 10 kB: soft shapes with more or less noise."""
    random = np.random.default_rng(0)
    found = []
    for number in range(PICTURES):
        shapes = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
        image = cv2.resize(shapes, (320, 180), interpolation=cv2.INTER_CUBIC)
        noise = random.integers(0, 1 + number % 20, image.shape, dtype=np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 10 + number % 60]
        found.append(cv2.imencode(".jpg", np.maximum(image, noise), quality)[1].tobytes())
    return found


def _write_part(layout: DatasetLayout, part: int, numbers: range, choices: list[bytes]) -> None:
    tar = layout.enriched / "bench" / f"bench-{part:06d}.tar"
    tar.parent.mkdir(parents=True, exist_ok=True)
    images = [choices[number * 7919 % len(choices)] for number in numbers]
    with open(tar, "wb", buffering=1 << 20) as file:
        for number, image in zip(numbers, images, strict=True):
            file.write(header(f"{_key(number)}.jpg", len(image)))
            file.write(image)
            file.write(bytes(padded(len(image)) - len(image)))
        file.write(END_OF_ARCHIVE)
    sizes = np.array([len(image) for image in images])
    extents = np.array([member_size(len(image)) for image in images])
    pq.write_table(
        _rows(numbers, layout.relative(tar), np.cumsum(extents) - extents + BLOCK, sizes),
        tar.with_suffix(".parquet"),
    )


def _key(number: int) -> str:
    return f"bench-{number:09d}"


def _rows(numbers: range, tar: str, offsets: Any, sizes: Any) -> pa.Table:
    """Metadata as an enriched part of street-level photographs has it."""
    count = len(numbers)
    random = np.random.default_rng(numbers.start)
    texts = {
        "key": [_key(number) for number in numbers],
        "source_id": [str(10**15 + number) for number in numbers],
        "group_id": [f"sequence-{number // 40}" for number in numbers],
        "source_url": [f"https://example.org/photographs/{number}" for number in numbers],
        "attribution": [f"Photographer {number % 997}, CC BY 4.0" for number in numbers],
        "sha256": [f"{number:064x}" for number in numbers],
        "country_code": _countries(numbers),
        "region_id": [f"{code}-1" for code in _countries(numbers)],
    }
    same = {
        "source": "bench", "country_name": "A country", "country_from": "coordinates",
        "region_name": "A country_A region_1", "license": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/", "extra": "{}",
        "format": "JPEG", "status": str(Status.KEPT), "raw_segment": tar, "tar": tar,
    }  # fmt: skip
    integers = {
        "raw_offset": offsets, "raw_size": sizes, "tar_offset": offsets, "tar_size": sizes,
        "phash": random.integers(0, 2**62, count), "view": np.zeros(count, np.int32),
        "width": np.full(count, 320, np.int32), "height": np.full(count, 180, np.int32),
    }  # fmt: skip
    floats = {
        "lat": random.uniform(-60, 70, count), "lon": random.uniform(-180, 180, count),
        "region_distance_km": np.zeros(count), "rgb_variance": random.uniform(500, 5000, count),
        "laplacian_variance": random.uniform(50, 900, count),
        "brightness": random.uniform(50, 200, count), "contrast": random.uniform(20, 80, count),
        "entropy": random.uniform(4, 8, count),
    }  # fmt: skip
    columns: dict[str, Any] = {**texts, **integers, **floats}
    columns |= {name: pa.repeat(value, count) for name, value in same.items()}
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in METADATA_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=METADATA_SCHEMA)


def _countries(numbers: range) -> list[str]:
    return [f"C{number % 50:02d}" for number in numbers]


def _select(layout: DatasetLayout, samples: int) -> None:
    """70 % train, 20 % validation, 10 % test."""
    names = list(SPLITS)
    splits = np.random.default_rng(0).choice(len(names), samples, p=list(SPLITS.values()))
    codes = _countries(range(samples))
    folder = layout.selection(NAME)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = pa.array(np.arange(samples) % 50, pa.int32())
    rows = {
        "key": [_key(number) for number in range(samples)],
        "split": [names[split] for split in splits],
        "country_code": codes,
        "region_id": [f"{code}-1" for code in codes],
        "country_index": numbers,
        "region_index": numbers,
    }
    pq.write_table(pa.table(rows), folder / "selection.parquet")
    labels = sorted(set(codes))
    record = {
        "name": NAME,
        "options": {},
        "seed": 0,
        "keys_sha256": "",
        "labels": {
            "countries": [
                {"index": index, "code": code, "name": code, "samples": 1}
                for index, code in enumerate(labels)
            ],
            "regions": [
                {
                    "index": index,
                    "id": f"{code}-1",
                    "name": code,
                    "country_code": code,
                    "samples": 1,
                }
                for index, code in enumerate(labels)
            ],
        },
    }
    write_json(folder / "selection.json", record)
