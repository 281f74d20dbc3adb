"""Whatever stands in a segment: a row for every capture, and no file outside of the dataset."""

import io
import tarfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from enrich.options import EnrichOptions, KeepOriginal
from enrich.pipeline import enrich_segment
from shards.errors import WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA, Reason
from tests.enrich import hostile, hostile_records
from tests.enrich.hostile import Input, write_tar

OPTIONS = EnrichOptions(width=32, height=18, min_rgb_variance=0, min_laplacian_variance=0)


def check(folder: Path, inputs: Iterable[Input], options: EnrichOptions = OPTIONS) -> int:
    """Enriches one segment with all `inputs`; returns how many captures it had."""
    inputs = list(inputs)
    layout = DatasetLayout(folder / "deep" / "inside" / "dataset")
    segment = layout.raw_source("test") / "w-000000.tar"
    write_tar(segment, inputs)
    summary = enrich_segment(layout, segment, options)

    expected = sum(one.captures for one in inputs)
    assert summary.captures == expected
    assert summary.kept + sum(summary.rejected.values()) == summary.rows
    table = pq.read_table(layout.part_rows(segment))
    assert table.schema.equals(METADATA_SCHEMA)
    rows = table.to_pylist()
    assert len(rows) == summary.rows
    kept = [row for row in rows if row["status"] == "kept"]
    rejected = [row for row in rows if row["status"] == "rejected"]
    assert len(kept) + len(rejected) == len(rows)
    assert all(row["reason"] is None for row in kept)
    assert all(row["reason"] in set(Reason) and row["detail"] for row in rejected)
    sound = {_key(one) for one in inputs if one.sound}
    bad = {_key(one) for one in inputs} - sound
    assert [row["key"] for row in kept if row["key"] in bad] == []
    _check_images(layout.part_tar(segment), [row["key"] for row in kept], options)

    parts = {layout.part_rows(segment), layout.part_tar(segment)}
    assert {path for path in folder.rglob("*") if path.is_file()} == {segment, *parts}
    return expected


def _key(one: Input) -> str:
    return one.members[0][0].name.partition(".")[0]


def _check_images(tar: Path, keys: list[str], options: EnrichOptions) -> None:
    data = tar.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [one for one in archive if one.name.endswith(".jpg")]
    assert [one.name for one in members] == [f"{key}.jpg" for key in keys]
    assert all(is_key(key) for key in keys)
    for one in members:
        stored = data[one.offset_data : one.offset_data + one.size]
        pixels = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape == (options.height, options.width, 3)


def images() -> list[Input]:
    return [
        *hostile.whole(),
        *hostile.cut(),
        *hostile.flipped(1500),
        *hostile.misnamed(),
        *hostile.sized(),
    ]


def captures() -> list[Input]:
    parts = (
        hostile_records.texts(),
        hostile_records.records(),
        hostile_records.names(),
        hostile_records.archives(),
        hostile_records.positions(),
    )
    return list(chain(*parts))


@pytest.mark.timeout(240)
def test_images(tmp_path: Path) -> None:
    assert check(tmp_path, images()) >= 5000


@pytest.mark.timeout(240)
def test_records_names_and_archives(tmp_path: Path) -> None:
    assert check(tmp_path, captures()) >= 1500


@pytest.mark.timeout(120)
def test_bombs(tmp_path: Path) -> None:
    check(tmp_path, hostile.bombs())


def test_whole_photographs_of_all_formats_are_kept(tmp_path: Path) -> None:
    """The corpus would prove nothing if all of it were rejected for another reason."""
    check(tmp_path, hostile.whole())
    layout = DatasetLayout(tmp_path / "deep" / "inside" / "dataset")
    (part,) = layout.parts()
    rows = pq.read_table(part).to_pylist()
    assert [row["status"] for row in rows] == ["kept"] * len(hostile.WHOLE)
    assert [row["format"] for row in rows] == ["JPEG", "JPEG", "PNG", "WEBP", "TIFF", "AVIF"]


def check_damaged(folder: Path, seed: int, count: int) -> None:
    """Enriches archives that are damaged themselves: an error of one line, or a right sum."""
    random = np.random.default_rng(seed)
    whole = folder / "whole.tar"
    write_tar(whole, [*hostile.whole(), *hostile_records.archives()])
    data = whole.read_bytes()
    layout = DatasetLayout(folder / "dataset")
    for number in range(count):
        damaged = bytearray(data)
        if number % 8 == 0:
            del damaged[int(random.integers(len(damaged))) :]
        elif number % 8 == 1:
            damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
        else:
            damaged = bytearray(hostile.with_damaged_headers(data, random))
        segment = layout.raw_source("test") / f"w-{number:06d}.tar"
        segment.parent.mkdir(parents=True, exist_ok=True)
        segment.write_bytes(damaged)
        summary, problem = None, ""
        try:
            summary = enrich_segment(layout, segment, OPTIONS)
        except WorkError as error:
            problem = str(error)
        if summary is None:
            assert problem
            assert "\n" not in problem
            assert not layout.part_rows(segment).exists()
        else:
            assert summary.kept + sum(summary.rejected.values()) == summary.rows
    assert {path.name for path in folder.iterdir()} == {"dataset", "whole.tar"}


def test_damaged_archives(tmp_path: Path) -> None:
    check_damaged(tmp_path, 0, 160)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_more(tmp_path: Path) -> None:
    for seed in range(1, 11):
        check(tmp_path / f"{seed}", hostile.flipped(4000, seed))
        (tmp_path / f"archives-{seed}").mkdir()
        check_damaged(tmp_path / f"archives-{seed}", seed, 500)
    views = EnrichOptions(width=32, height=18, views=4, keep_original=KeepOriginal.BESIDE)
    check(tmp_path / "views", [*images(), *captures()], views)
