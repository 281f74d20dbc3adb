"""Pictures, captures and segments for the tests of this stage."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enrich.images.decode import Pixels
from shards.capture import Capture
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter

LUND = ("55.70", "13.19")


def picture(seed: int = 0, width: int = 640, height: int = 360) -> Pixels:
    """Smooth colours with sharp edges: passes every filter, and no two seeds are alike."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)


def encoded(pixels: Pixels, extension: str = "jpg") -> bytes:
    done, data = cv2.imencode(f".{extension}", pixels)
    assert done
    return data.tobytes()


def jpeg(seed: int = 0, width: int = 640, height: int = 360) -> bytes:
    return encoded(picture(seed, width, height))


def capture(key: str, **values: Any) -> Capture:
    lat, lon = LUND
    return Capture(key=key, source="test", source_id=key, **{"lat": lat, "lon": lon} | values)


def write_segment(
    layout: DatasetLayout, name: str, captures: list[tuple[Capture, bytes, str]]
) -> Path:
    """A sealed segment of the source `test`; each capture with its bytes and extension."""
    with SegmentWriter(layout.raw_source("test"), name) as writer:
        for record, data, extension in captures:
            writer.append(record, data, extension)
        return writer.seal()


def simple_dataset(root: Path, segments: int = 2, captures: int = 3) -> DatasetLayout:
    """Segments of good captures, all at different places in Skåne."""
    layout = DatasetLayout(root)
    for segment in range(segments):
        numbers = range(segment * captures, (segment + 1) * captures)
        write_segment(
            layout,
            f"w-{segment:06d}",
            [(capture(f"test-{n}", lat=f"55.7{n}"), jpeg(n), "jpg") for n in numbers],
        )
    return layout


def part_bytes(layout: DatasetLayout) -> dict[str, bytes]:
    """Every file of the enriched stage."""
    return {
        path.relative_to(layout.root).as_posix(): path.read_bytes()
        for path in sorted(layout.enriched.rglob("*"))
        if path.is_file()
    }
