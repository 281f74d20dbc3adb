"""A small dataset made by hand, with the real schema and real images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.browser import launch_options
from lostfound import main
from shards.capture import Capture
from shards.layout import DatasetLayout
from shards.schema import DUPLICATES_SCHEMA, METADATA_SCHEMA
from shards.segment import SegmentWriter, segment_name
from shards.tar import END_OF_ARCHIVE, write_member

PLACES = {
    "SE": ("Sweden", "SWE-2", "Sweden_Skåne_SWE-2", 55.7, 13.2),
    "DE": ("Germany", "DEU-3", "Germany_Berlin_DEU-3", 52.5, 13.4),
    "FR": ("France", "FRA-1", "France_Finistère_FRA-1", 48.4, -4.3),
    "PE": ("Peru", "PER-5", "Peru_Lima_PER-5", -12.0, -77.0),
    "JP": ("Japan", "JPN-4", "Japan_Kyōto_JPN-4", 35.0, 135.8),
}


def picture(number: int, width: int = 320, height: int = 180) -> bytes:
    """A JPEG that differs for each number."""
    noise = np.random.default_rng(number).integers(0, 255, (9, 16, 3), dtype=np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert encoded
    return data.tobytes()


def row(number: int, country: str = "SE", **changes: Any) -> dict[str, Any]:
    """The metadata of capture `number`, kept unless `changes` say otherwise."""
    name, region, region_name, lat, lon = PLACES[country]
    values = {
        "key": f"test-{number:05d}",
        "source": "test",
        "source_id": str(number),
        "group_id": f"game{number // 5}",
        "lat": lat + (number % 10) / 100,
        "lon": lon + (number % 7) / 100,
        "country_code": country,
        "country_name": name,
        "country_from": "coordinates",
        "region_id": region,
        "region_name": region_name,
        "region_distance_km": 0.0,
        "license": "CC-BY-SA-4.0",
        "attribution": "somebody",
        "source_url": f"https://example.org/{number}",
        "extra": "{}",
        "source_width": 1280,
        "source_height": 720,
        "width": 320,
        "height": 180,
        "sha256": f"{number:064x}",
        "phash": number,
        "rgb_variance": 1000.0 + 37 * (number % 50),
        "laplacian_variance": 100.0 + 11 * (number % 50),
        "brightness": 90.0 + number % 60,
        "status": "kept",
    }
    return values | changes


@dataclass
class HandMade:
    """Writes parts as `enrich` leaves them: raw segment, image tar, rows."""

    layout: DatasetLayout
    segments: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add_part(self, rows: list[dict[str, Any]], *, images: bool = False) -> list[dict[str, Any]]:
        name = segment_name("w0", self.segments)
        self.segments += 1
        segment = self.layout.raw_source("test") / f"{name}.tar"
        if images:
            self._write_images(name, rows)
        for offset, values in enumerate(rows):
            values.setdefault("raw_offset", 512 * (1 + offset))
            values.setdefault("view", 0)
            values["raw_segment"] = self.layout.relative(segment)
        part = self.layout.part_rows(segment)
        part.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=METADATA_SCHEMA), part)
        self.rows += rows
        return rows

    def _write_images(self, name: str, rows: list[dict[str, Any]]) -> None:
        directory = self.layout.raw_source("test")
        segment = directory / f"{name}.tar"
        tar = self.layout.part_tar(segment)
        tar.parent.mkdir(parents=True, exist_ok=True)
        with SegmentWriter(directory, name) as writer, open(tar, "wb") as stored:
            for number, values in enumerate(rows):
                image = values.pop("bytes", None) or picture(1000 * self.segments + number)
                capture = Capture(key=values["key"], source="test", source_id=values["source_id"])
                extent = writer.append(capture, image, "jpg")
                values |= {"raw_offset": extent.image_offset, "raw_size": extent.image_size}
                if values["status"] == "kept":
                    offset = write_member(stored, f"{values['key']}.jpg", image)
                    values |= {
                        "tar": self.layout.relative(tar),
                        "tar_offset": offset,
                        "tar_size": len(image),
                    }
            stored.write(END_OF_ARCHIVE)
            writer.seal()

    def add_duplicates(self, rows: list[dict[str, Any]]) -> None:
        self.layout.catalog.mkdir(exist_ok=True)
        table = pa.Table.from_pylist(rows, schema=DUPLICATES_SCHEMA)
        pq.write_table(table, self.layout.duplicates)


def duplicate(values: dict[str, Any], reason: str, of: str) -> dict[str, Any]:
    """The catalogue's row that rejects `values`."""
    identity = {name: values[name] for name in ("raw_segment", "raw_offset", "view", "key")}
    return identity | {"reason": reason, "duplicate_of": of}


@pytest.fixture
def hand_made(tmp_path: Path) -> HandMade:
    root = tmp_path / "it's a [data] *set*; --"
    root.mkdir()
    return HandMade(DatasetLayout(root))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@pytest.fixture
def lostfound(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run
