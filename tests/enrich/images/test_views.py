"""Panoramas through the whole stage: a row and an image for each view, and every capture counts."""

import hashlib
import json
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from enrich.duplicates.levels import count_captures
from enrich.images.decode import Pixels
from enrich.images.detect import FACE, PLATE, open_model
from enrich.options import EnrichOptions, KeepOriginal, parse_views
from enrich.pipeline import enrich_segment
from enrich.refilter import refilter_segment
from enrich.run import enrich_dataset
from lostfound import main
from shards.capture import Capture
from shards.errors import UsageError
from shards.keys import is_key, view_key
from shards.layout import DatasetLayout
from tests.enrich.images.onnx import face_model, plate_model
from tests.enrich.images.panoramas import expected_view, gpano_jpeg, sphere
from tests.enrich.samples import capture, encoded, jpeg, part_bytes, picture, write_segment

SMALL = {"width": 64, "height": 36, "min_rgb_variance": 0.0, "min_laplacian_variance": 0.0}
CARDINAL = EnrichOptions(**SMALL, views=4)


def panorama(key: str, heading: float | None = None, **values: Any) -> Capture:
    extra = {"is_panorama": True} | ({} if heading is None else {"heading": heading})
    return capture(key, extra=json.dumps(extra), **values)


@pytest.fixture(scope="module")
def mixed() -> list[tuple[Capture, bytes, str]]:
    """A photograph between panoramas of every kind, whole and broken."""
    whole = encoded(sphere(1024, heading=200.0))
    gpano = gpano_jpeg(encoded(sphere(1024, heading=45.0)), PoseHeadingDegrees=45)
    return [
        (panorama("by-source", 200.0, group_id="walk"), whole, "jpg"),
        (capture("photograph"), jpeg(1), "jpg"),
        (capture("by-file"), gpano, "jpg"),
        (panorama("no-heading"), encoded(sphere(1024), "png"), "png"),
        (panorama("strip"), jpeg(2, 2000, 500), "jpg"),
        (panorama("small"), jpeg(3, 400, 200), "jpg"),
        (panorama("text"), b"<html>", "jpg"),
        (panorama("cut"), whole[:5000], "jpg"),
        (panorama("nowhere", 10.0, lat="", lon=""), whole, "jpg"),
    ]


def rows_of(layout: DatasetLayout, segment: Path, options: EnrichOptions) -> list[dict[str, Any]]:
    enrich_segment(layout, segment, options)
    rows: list[dict[str, Any]] = pq.read_table(layout.part_rows(segment)).to_pylist()
    return rows


def stored(layout: DatasetLayout, row: dict[str, Any]) -> Pixels:
    data = (layout.root / row["tar"]).read_bytes()[row["tar_offset"] :][: row["tar_size"]]
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_cardinal_views(tmp_path: Path, mixed: list[tuple[Capture, bytes, str]]) -> None:
    layout = DatasetLayout(tmp_path)
    rows = rows_of(layout, write_segment(layout, "w-000000", mixed), CARDINAL)
    by_source = [row for row in rows if row["key"].startswith("by-source")]
    assert [
        (row["key"], row["view"], row["heading"], row["group_id"], row["status"])
        for row in by_source
    ] == [(f"by-source-v{n}", n, 90.0 * n, "walk", "kept") for n in range(4)]
    assert {row["sha256"] for row in by_source} == {hashlib.sha256(mixed[0][1]).hexdigest()}
    assert {(row["source_width"], row["width"], row["height"]) for row in by_source} == {
        (1024, 64, 36)
    }
    assert len({row["phash"] for row in by_source}) == 4
    for row in [*by_source, *(row for row in rows if row["key"].startswith("by-file"))]:
        difference = stored(layout, row) - expected_view(64, 36, 90.0, row["heading"])
        assert np.abs(difference).max() <= 10  # JPEG twice


def test_a_row_for_every_view_and_for_every_other_capture(
    tmp_path: Path, mixed: list[tuple[Capture, bytes, str]]
) -> None:
    layout = DatasetLayout(tmp_path)
    segment = write_segment(layout, "w-000000", mixed)
    summary = enrich_segment(layout, segment, CARDINAL)
    rows = rows_of(layout, segment, CARDINAL)
    assert Counter((row["raw_offset"], row["reason"]) for row in rows).most_common() == [
        ((rows[0]["raw_offset"], None), 4),
        ((rows[5]["raw_offset"], None), 4),
        ((rows[9]["raw_offset"], None), 4),
        ((rows[17]["raw_offset"], "no_position"), 4),
        ((rows[4]["raw_offset"], None), 1),
        ((rows[13]["raw_offset"], "undecodable"), 1),
        ((rows[14]["raw_offset"], "too_small"), 1),
        ((rows[15]["raw_offset"], "undecodable"), 1),
        ((rows[16]["raw_offset"], "truncated"), 1),
    ]
    assert (summary.captures, summary.rows, summary.kept) == (len(mixed), 21, 13)
    assert summary.rows == summary.kept + sum(summary.rejected.values())
    photograph = rows[4]
    assert (photograph["key"], photograph["view"], photograph["group_id"]) == ("photograph", 0, "")
    assert [row["heading"] for row in rows[9:13]] == [None] * 4
    assert rows[9]["group_id"] == "no-heading"
    strip = rows[13]
    assert (strip["key"], strip["view"]) == ("strip", 0)
    assert "2000x500" in strip["detail"]
    assert "at least 403x201" in rows[14]["detail"]


def test_without_views_a_panorama_is_one_picture(
    tmp_path: Path, mixed: list[tuple[Capture, bytes, str]]
) -> None:
    layout = DatasetLayout(tmp_path)
    rows = rows_of(layout, write_segment(layout, "w-000000", mixed), EnrichOptions(**SMALL))
    assert [row["key"] for row in rows] == [record.key for record, *_ in mixed]
    assert (rows[0]["status"], rows[0]["view"], rows[0]["heading"]) == ("kept", 0, 200.0)


def test_any_number_of_views_and_field_of_view(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    data = encoded(sphere(2048, heading=10.0))
    segment = write_segment(layout, "w-000000", [(panorama("a", 10.0), data, "jpg")])
    rows = rows_of(layout, segment, EnrichOptions(**SMALL, views=5, fov=50.0))
    assert [row["heading"] for row in rows] == [0.0, 72.0, 144.0, 216.0, 288.0]
    for row in rows:
        difference = stored(layout, row) - expected_view(64, 36, 50.0, row["heading"])
        assert np.abs(difference).max() <= 10


def test_each_view_is_judged_by_itself(tmp_path: Path) -> None:
    """A panorama whose west is black: three views are kept."""
    pixels = picture(1, 1024, 512)
    pixels[:, 64:448] = 9  # -67 to -157 degrees, and some more
    layout = DatasetLayout(tmp_path)
    segment = write_segment(layout, "w-000000", [(panorama("a", 0.0), encoded(pixels), "jpg")])
    options = EnrichOptions(width=64, height=36, views=4, fov=60.0)
    rows = rows_of(layout, segment, options)
    assert [row["reason"] for row in rows] == [None, None, None, "low_variance"]
    assert rows[3]["rgb_variance"] < 1


def test_the_whole_dataset_counts_captures_and_rows(
    tmp_path: Path, mixed: list[tuple[Capture, bytes, str]]
) -> None:
    layout = DatasetLayout(tmp_path)
    write_segment(layout, "w-000000", mixed)
    # The same panorama under another key: four duplicates.
    write_segment(layout, "w-000001", [(panorama("again", 200.0), mixed[0][1], "jpg")])
    found = enrich_dataset(layout, CARDINAL, workers=1).to_json()
    assert (found["captures"], found["rows"]) == (len(mixed) + 1, 25)
    assert found["rows"] == found["kept"] + sum(found["rejected"].values())
    assert found["rejected"]["duplicate_bytes"] == 4
    counts = count_captures(layout)
    assert (counts.captures, counts.rows) == (len(mixed) + 1, 25)


@pytest.mark.parametrize("keep", [KeepOriginal.BESIDE, KeepOriginal.INSTEAD])
def test_refiltering_gives_the_bytes_of_a_fresh_run(tmp_path: Path, keep: KeepOriginal) -> None:
    """Views whose fate changes share one original, and one panorama's file."""
    pixels = np.asarray(cv2.GaussianBlur(picture(1, 1024, 512), (0, 0), 1.5), np.uint8)
    pixels[:, 448:576] = cv2.GaussianBlur(pixels[:, 448:576], (0, 0), 6)  # the north
    data = encoded(pixels)
    records = [(panorama("a", 0.0), data, "jpg"), (capture("b"), data, "jpg")]
    views = 0 if keep is KeepOriginal.INSTEAD else 4

    def options(least: float) -> EnrichOptions:
        limits = {"min_rgb_variance": 0.0, "min_laplacian_variance": least}
        return EnrichOptions(
            width=64, height=36, fov=40.0, views=views, keep_original=keep, **limits
        )

    scores = DatasetLayout(tmp_path / "scores")
    rows = rows_of(scores, write_segment(scores, "w-000000", records), options(0.0))
    # Between each two of the scores there, some are kept.
    limits = sorted({row["laplacian_variance"] - 1e-6 for row in rows})
    assert len(limits) > views
    found = {}
    for least in limits:
        fresh = DatasetLayout(tmp_path / f"fresh-{least}")
        enrich_segment(fresh, write_segment(fresh, "w-000000", records), options(least))
        found[least] = part_bytes(fresh)
    changed = DatasetLayout(tmp_path / "changed")
    segment = write_segment(changed, "w-000000", records)
    enrich_segment(changed, segment, options(limits[0]))
    for least in [*limits, *limits[::-1], *limits[::2]]:
        refilter_segment(changed, segment, options(least))
        assert part_bytes(changed) == found[least]


def test_originals_of_views_are_stored_once(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    data = encoded(sphere(1024))
    segment = write_segment(layout, "w-000000", [(panorama("a"), data, "jpg")])
    rows = rows_of(layout, segment, replace(CARDINAL, keep_original=KeepOriginal.BESIDE))
    assert len({(row["original_offset"], row["original_size"]) for row in rows}) == 1
    tar = (tmp_path / rows[0]["tar"]).read_bytes()
    assert tar[rows[3]["original_offset"] :][: rows[3]["original_size"]] == data
    assert tar.count(data) == 1
    with tarfile.open(tmp_path / rows[0]["tar"]) as members:
        assert members.getnames() == [
            "a-v0.jpg",
            "a.original",
            *(f"a-v{n}.jpg" for n in range(1, 4)),
        ]


def test_damaged_panoramas_are_rows(tmp_path: Path) -> None:
    """Cut and altered anywhere: one row or four, and nothing is raised."""
    random = np.random.default_rng(7)
    whole = gpano_jpeg(encoded(sphere(512)), PoseHeadingDegrees=45, PosePitchDegrees=3)
    captures = []
    for number in range(100):
        data = bytearray(whole)
        # Half of them in the header and the properties, the others anywhere.
        end = 1500 if number % 2 else len(data)
        for position in random.integers(2, end, number % 7):
            data[position] = random.integers(256)
        if number % 5 == 0:
            del data[random.integers(2, len(data)) :]
        record = panorama if number % 3 else capture
        captures.append((record(f"test-{number}"), bytes(data), "jpg"))
    layout = DatasetLayout(tmp_path)
    segment = write_segment(layout, "w-000000", captures)
    options = EnrichOptions(**SMALL | {"width": 32, "height": 18}, views=4)
    summary = enrich_segment(layout, segment, options)
    rows = rows_of(layout, segment, options)
    counts = Counter(row["raw_offset"] for row in rows)
    assert summary.captures == len(counts) == 100
    assert set(counts.values()) == {1, 4}
    assert summary.rows == len(rows) == summary.kept + sum(summary.rejected.values())


def test_keys_of_views() -> None:
    assert view_key("file-1", 3) == "file-1-v3"
    long, other = "a" * 63, "a" * 62 + "b"
    assert view_key("a" * 61, 0) == "a" * 61 + "-v0"
    keys = {view_key(key, number) for key in (long, other) for number in range(64)}
    assert len(keys) == 128
    assert all(is_key(key) for key in keys)


def red(pixels: Pixels) -> int:
    """Pixels that are red throughout."""
    return int(((pixels[..., 2] > 200) & (pixels[..., :2].max(axis=2) < 60)).sum())


def test_faces_are_blurred_before_anything_is_stored(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    (tmp_path / "face.onnx").write_bytes(face_model())
    (tmp_path / "plate.onnx").write_bytes(plate_model())
    pixels = np.full((720, 1280, 3), 90, np.uint8)
    pixels[::16] = 160
    pixels[320:352, 640:672] = (0, 0, 255)
    plain = np.full((720, 1280, 3), 90, np.uint8)
    plain[::16] = 160
    segment = write_segment(
        layout,
        "w-000000",
        [
            (capture("face"), encoded(pixels, "png"), "png"),
            (capture("none"), encoded(plain, "png"), "png"),
            (capture("text"), b"<html>", "jpg"),
        ],
    )
    kept = EnrichOptions(min_rgb_variance=0.0)
    (unblurred, *_) = rows_of(layout, segment, kept)
    assert red(stored(layout, unblurred)) >= 49
    assert unblurred["blurred"] is None
    layout.part_rows(segment).unlink()
    options = EnrichOptions(
        min_rgb_variance=0.0,
        blur_faces=open_model(FACE, tmp_path / "face.onnx"),
        blur_plates=open_model(PLATE, tmp_path / "plate.onnx"),
    )
    face, none, text = rows_of(layout, segment, options)
    # A box of 64 pixels around the red ones, a fifth more on each side, a quarter of the size.
    (box,) = json.loads(face["blurred"])
    assert (box["what"], box["x"], box["y"], box["width"], box["height"]) == (
        "face",
        (656 - 32 - 13) // 4,
        (336 - 32 - 13) // 4,
        24,
        24,
    )
    assert red(stored(layout, face)) == 0
    assert face["rgb_variance"] < unblurred["rgb_variance"] - 10
    assert (none["blurred"], text["blurred"]) == ("[]", None)


def test_faces_in_views_are_blurred(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    (tmp_path / "face.onnx").write_bytes(face_model())
    pixels = np.full((1006, 2012, 3), 90, np.uint8)
    pixels[::8] = 160
    pixels[480:518, 500:538] = (0, 0, 255)  # in the west, where the centre looks north
    segment = write_segment(
        layout, "w-000000", [(panorama("a", 0.0), encoded(pixels, "png"), "png")]
    )
    plain = EnrichOptions(min_rgb_variance=0.0, views=4)
    assert red(stored(layout, rows_of(layout, segment, plain)[3])) > 60
    layout.part_rows(segment).unlink()
    model = open_model(FACE, tmp_path / "face.onnx")
    rows = rows_of(layout, segment, EnrichOptions(min_rgb_variance=0.0, views=4, blur_faces=model))
    assert [len(json.loads(row["blurred"])) > 0 for row in rows] == [False, False, False, True]
    assert red(stored(layout, rows[3])) == 0


def test_the_model_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "face.onnx").write_bytes(face_model())
    model = open_model(FACE, tmp_path / "face.onnx")
    options = EnrichOptions(blur_faces=model).to_json()
    assert options["blur_faces"] == hashlib.sha256(face_model()).hexdigest()
    assert options["blur_plates"] is None
    assert str(tmp_path) not in json.dumps(options)


@pytest.mark.parametrize(("text", "views"), [("none", 0), ("cardinal", 4), ("6", 6), ("64", 64)])
def test_views_as_written(text: str, views: int) -> None:
    assert parse_views(text) == views


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["enrich", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = DatasetLayout(tmp_path / "dataset")
    (tmp_path / "face.onnx").write_bytes(face_model())
    write_segment(
        layout, "w-000000", [(panorama("a", 0.0), encoded(picture(1, 2048, 1024)), "jpg")]
    )
    words = ("--views", "cardinal", "--fov", "80", "--blur-faces", str(tmp_path / "face.onnx"))
    code, out, _ = run(capsys, str(layout.root), *words, "--workers", "1", "--json")
    assert code == 0
    assert (json.loads(out)["captures"], json.loads(out)["rows"]) == (1, 4)
    before = part_bytes(layout)
    assert run(capsys, str(layout.root), *words, "--workers", "1", "--force")[0] == 0
    assert part_bytes(layout) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--views", "many"), "--views many: "),
        (("--views", "65"), "--views 65: "),
        (("--views", "-1"), "--views -1: "),
        (("--views", "4", "--fov", "130"), "fov 130"),
        (("--views", "4", "--fov", "0"), "fov 0"),
        (("--views", "4", "--fov", "nan"), "fov nan"),
        (("--views", "4", "--size", "90x320"), "fov 90"),
        (("--views", "4", "--fov", "1"), "panorama"),
        (("--keep-original", "both"), "--keep-original both: "),
        (("--views", "4", "--keep-original", "instead"), "--keep-original"),
        (("--blur-faces", "missing.onnx"), "missing.onnx: cannot be read"),
        (("--blur-faces", "FACE", "--keep-original", "beside"), "--keep-original"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    write_segment(DatasetLayout(tmp_path), "w-000000", [(capture("a"), jpeg(), "jpg")])
    (tmp_path / "face.onnx").write_bytes(face_model())
    given = [str(tmp_path / "face.onnx") if word == "FACE" else word for word in words]
    code, out, err = run(capsys, str(tmp_path), *given)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_detector_and_original_bytes_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "face.onnx").write_bytes(face_model())
    model = open_model(FACE, tmp_path / "face.onnx")
    for kept in (KeepOriginal.BESIDE, KeepOriginal.INSTEAD):
        with pytest.raises(UsageError, match="would show"):
            EnrichOptions(blur_faces=model, keep_original=kept)
