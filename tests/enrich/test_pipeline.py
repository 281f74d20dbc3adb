"""One segment in, one part out: every capture has its row, and the same bytes come every time."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from enrich import pipeline
from enrich.images import decode
from enrich.options import EnrichOptions
from enrich.part import PartSummary
from enrich.pipeline import enrich_segment
from shards.capture import Capture
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA
from shards.segment import read_segment
from shards.tar import END_OF_ARCHIVE, write_member
from tests.enrich.samples import (
    capture,
    encoded,
    jpeg,
    part_bytes,
    picture,
    simple_dataset,
    write_segment,
)

OPTIONS = EnrichOptions()


def enriched(layout: DatasetLayout, segment: Path) -> tuple[PartSummary, list[dict[str, Any]]]:
    summary = enrich_segment(layout, segment, OPTIONS)
    table = pq.read_table(layout.part_rows(segment))
    assert table.schema.equals(METADATA_SCHEMA)
    return summary, table.to_pylist()


def test_a_kept_capture_from_end_to_end(tmp_path: Path) -> None:
    layout, data = DatasetLayout(tmp_path), jpeg(1, 800, 600)
    record = capture(
        "test-1",
        group_id="walk",
        captured_at="2020-01-01T00:00:00+02:00",
        license="CC0-1.0",
        extra='{"a":1}',
    )
    segment = write_segment(layout, "w-000000", [(record, data, "jpeg")])
    summary, (row,) = enriched(layout, segment)
    assert summary == PartSummary("raw/test/w-000000.tar", 1, 1, 1, {})
    expected = {
        "key": "test-1",
        "source": "test",
        "group_id": "walk",
        "lat": 55.70,
        "lon": 13.19,
        "country_code": "SE",
        "country_name": "Sweden",
        "country_from": "coordinates",
        "region_id": "SWE-3429",
        "region_name": "Sweden_Skåne_SWE-3429",
        "region_distance_km": 0.0,
        "place_name": "Lund",
        "country_text": None,
        "captured_at": datetime(2019, 12, 31, 22, tzinfo=UTC),
        "license": "CC0-1.0",
        "extra": '{"a":1}',
        "source_width": 800,
        "source_height": 600,
        "width": 320,
        "height": 180,
        "sha256": hashlib.sha256(data).hexdigest(),
        "status": "kept",
        "reason": None,
        "detail": None,
        "raw_segment": "raw/test/w-000000.tar",
        "tar": "enriched/test/w-000000.tar",
    }
    assert {name: row[name] for name in expected} == expected
    raw = segment.read_bytes()
    assert raw[row["raw_offset"] : row["raw_offset"] + row["raw_size"]] == data
    stored = (tmp_path / row["tar"]).read_bytes()
    image = stored[row["tar_offset"] : row["tar_offset"] + row["tar_size"]]
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (180, 320, 3)
    # The stored part is itself readable as a tar of `<key>.jpg` members.
    assert [(s.key, s.image_offset) for s in read_segment(tmp_path / row["tar"])] == [
        ("test-1", row["tar_offset"])
    ]


def bad_inputs() -> dict[str, tuple[Capture, bytes, str]]:
    """One capture for every reason that one capture alone can have."""
    black = np.full((360, 640, 3), 9, np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(picture(), (0, 0), 30), np.uint8)
    gradient = np.asarray(np.add(blurred // 2, np.arange(0, 128, 0.2)[None, :640, None]), np.uint8)
    return {
        "undecodable": (capture("a"), b"<html>", "jpg"),
        "truncated": (capture("b"), jpeg()[:5000], "jpg"),
        "too_small": (capture("c"), jpeg(0, 300, 300), "jpg"),
        "too_large": (capture("d"), bytes(1 << 20), "jpg"),
        "low_variance": (capture("e"), encoded(black), "jpg"),
        "blurry": (capture("f"), encoded(gradient), "jpg"),
        "no_position": (capture("g", lat="", lon=""), jpeg(), "jpg"),
        "invalid_position": (capture("h", lat="91,200"), jpeg(), "jpg"),
        "no_country": (capture("i", lat="-30", lon="-120"), jpeg(), "jpg"),
    }


def test_every_bad_input_is_a_row_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MAX_BYTES", (1 << 20) - 1)
    layout, bad = DatasetLayout(tmp_path), bad_inputs()
    good = (capture("z", lat="", lon="", country="the Netherlands"), jpeg(), "jpg")
    summary, rows = enriched(layout, write_segment(layout, "w-000000", [*bad.values(), good]))
    assert [row["reason"] for row in rows] == [*bad, None]
    assert summary == PartSummary("raw/test/w-000000.tar", 10, 10, 1, dict.fromkeys(sorted(bad), 1))
    for row in rows[:-1]:
        assert (row["status"], row["tar"], row["width"]) == ("rejected", None, None)
        assert row["detail"]
        assert row["raw_size"] > 0
    blurry, nowhere, kept = rows[5], rows[8], rows[9]
    assert (blurry["country_code"], blurry["region_id"]) == ("SE", "SWE-3429")
    assert blurry["laplacian_variance"] < 30 < 300 < blurry["rgb_variance"]
    assert (nowhere["lat"], nowhere["country_code"]) == (-30, None)
    assert nowhere["laplacian_variance"] > 30
    assert (kept["country_code"], kept["country_from"]) == ("NL", "name")
    assert kept["country_text"] == "the Netherlands"
    assert (kept["lat"], kept["region_id"], kept["status"]) == (None, None, "kept")


def test_damaged_samples_are_rows_too(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    path = layout.raw_source("test") / "w-000000.tar"
    path.parent.mkdir(parents=True)
    strange = capture("test-0", attribution="\ud800 surrogate").to_json()
    surrogate = strange.replace(b"? surrogate", b"\\ud800 surrogate")
    with open(path, "wb") as file:
        write_member(file, "lonely.jpg", jpeg(0))
        write_member(file, "imageless.json", capture("imageless").to_json())
        write_member(file, "other.jpg", jpeg(1))
        write_member(file, "other.json", capture("someone-else").to_json())
        write_member(file, "..jpg", jpeg(2))
        write_member(file, "a b.jpg", jpeg(3))
        write_member(file, "a b.json", capture("a b").to_json())
        write_member(file, "test-0.jpg", jpeg(4))
        write_member(file, "test-0.json", surrogate)
        file.write(END_OF_ARCHIVE)
    summary, rows = enriched(layout, path)
    assert summary.captures == len(rows) == 6
    assert [row["key"] for row in rows] == ["lonely", "imageless", "other", "", "a b", "test-0"]
    assert summary.rejected == {"undecodable": 5}
    assert [row["detail"] for row in rows[:5]] == [
        "the JSON member is missing",
        "the image member is missing or empty",
        "the record belongs to 'someone-else'",
        "the member's name is not a key",
        "the member's name is not a key",
    ]
    assert rows[5]["attribution"] == "? surrogate"


def test_an_interrupted_part_leaves_nothing_and_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = simple_dataset(tmp_path / "a", 1), simple_dataset(tmp_path / "b", 1)
    enrich_segment(whole, whole.sealed_segments()[0], OPTIONS)
    (segment,) = broken.sealed_segments()
    calls = 0

    def stop(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return score(*arguments, **named)

    score = pipeline.score
    monkeypatch.setattr(pipeline, "score", stop)
    with pytest.raises(KeyboardInterrupt):
        enrich_segment(broken, segment, OPTIONS)
    assert part_bytes(broken) == {}
    monkeypatch.setattr(pipeline, "score", score)
    # The tar alone, as a crash between the two files leaves it, does not mean done.
    broken.part_tar(segment).write_bytes(b"half")
    enrich_segment(broken, segment, OPTIONS)
    assert part_bytes(broken) == part_bytes(whole)


def test_a_finished_part_is_not_touched(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path, 1)
    (segment,) = layout.sealed_segments()
    first = enrich_segment(layout, segment, OPTIONS)
    segment.write_bytes(b"no longer a tar")
    assert enrich_segment(layout, segment, OPTIONS) == first
