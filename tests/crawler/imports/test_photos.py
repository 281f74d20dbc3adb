"""Imports are complete, counted, repeatable, and keep every byte as found."""

import hashlib
import io
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crawler.imports import photos
from crawler.imports.magic import image_extension
from crawler.imports.photos import import_photos
from lostfound import main
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.segment import RawSample, read_segment


def picture(number: int, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def samples(layout: DatasetLayout) -> dict[str, tuple[RawSample, bytes]]:
    """Each imported sample with its image's bytes, by source_id."""
    found = {}
    for segment in layout.sealed_segments():
        data = segment.read_bytes()
        for sample in read_segment(segment):
            assert sample.capture is not None
            end = sample.image_offset + sample.image_size
            found[sample.capture.source_id] = (sample, data[sample.image_offset : end])
    return found


@pytest.fixture
def layout(tmp_path: Path) -> DatasetLayout:
    return DatasetLayout(tmp_path / "dataset")


def test_a_folder_of_all_kinds(tmp_path: Path, layout: DatasetLayout) -> None:
    root = tmp_path / "in"
    root.mkdir()
    files = {
        "a.jpg": picture(1),
        "b.png": picture(2, "PNG"),
        "c.jpeg": picture(3, "WEBP"),
        "copy.jpg": picture(1),
        "empty.jpg": b"",
        "half.jpg": picture(4)[:200],
        "text.jpg": b"no image at all",
        "notes.txt": b"notes",
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
    (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
    summary = import_photos(root, layout, "exif", defaults={"license": "MIT"})
    assert (summary.found, summary.imported, summary.already_there) == (8, 6, 1)
    assert (summary.skipped, summary.problems) == (1, {"missing": 1})
    found = samples(layout)
    assert set(found) == set(files) - {"notes.txt", "copy.jpg"}
    for name, (sample, data) in found.items():
        assert data == files[name]
        assert sample.key == f"file-{hashlib.sha256(data).hexdigest()[:24]}"
        assert sample.capture is not None
        assert (sample.capture.source, sample.capture.license) == ("file", "MIT")


def test_again_adds_nothing_and_more_adds_only_what_is_new(
    tmp_path: Path, layout: DatasetLayout
) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.jpg").write_bytes(picture(number))
    first = import_photos(root, layout, "exif")
    before = {path: path.read_bytes() for path in layout.sealed_segments()}
    again = import_photos(root, layout, "exif")
    assert (first.imported, again.imported, again.already_there) == (5, 0, 5)
    assert again.segments == []
    (root / "new.jpg").write_bytes(picture(9))
    assert import_photos(root, layout, "exif").imported == 1
    after = layout.sealed_segments()
    assert len(after) == len(before) + 1
    assert all(path.read_bytes() == data for path, data in before.items())


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    names = [f"{number}/{number}.jpg" for number in range(6)]
    layouts = []
    for order in (names, names[::-1]):
        root = tmp_path / f"in{len(layouts)}"
        for name in order:
            (root / name).parent.mkdir(parents=True)
            (root / name).write_bytes(picture(int(name[0])))
        layouts.append(DatasetLayout(tmp_path / f"out{len(layouts)}"))
        import_photos(root, layouts[-1], "exif")
    assert list(samples(layouts[0])) == names
    one, two = ([path.read_bytes() for path in each.sealed_segments()] for each in layouts)
    assert one == two


def test_an_interrupted_import_is_continued(
    tmp_path: Path, layout: DatasetLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for number in range(6):
        (root / f"{number}.jpg").write_bytes(picture(number))
    describe, calls = photos.exif_fields, []

    def interrupted(image: bytes) -> dict[str, str]:
        calls.append(image)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return describe(image)

    monkeypatch.setattr(photos, "exif_fields", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_photos(root, layout, "exif")
    assert layout.sealed_segments() == []
    monkeypatch.undo()
    assert import_photos(root, layout, "exif").imported == 3
    other = DatasetLayout(tmp_path / "undisturbed")
    import_photos(root, other, "exif")
    [segment], [reference] = layout.sealed_segments(), other.sealed_segments()
    assert segment.read_bytes() == reference.read_bytes()


def test_bad_rows_are_listed_and_everything_else_is_imported(
    tmp_path: Path, layout: DatasetLayout, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.jpg").write_bytes(picture(1))
    (root / "z.jpg").write_bytes(picture(2))
    rows = "file,lat,lon\na.jpg,0,0\nnone.jpg,1,1\n../x.jpg,1,1\n,1,1\nz.jpg,NaN,400\n"
    (root / "labels.csv").write_text(rows)
    code = run("import", root, "--format", "csv", "--out", layout.root, "--json")
    captured = capfd.readouterr()
    assert code == 1
    summary = json.loads(captured.out)
    assert summary["imported"] == 2
    assert summary["problems"] == {"missing": 1, "no_file_name": 1, "outside": 1}
    assert captured.err.splitlines() == [
        "not imported: none.jpg: missing",
        "not imported: ../x.jpg: outside",
        "not imported: a row: no_file_name",
    ]
    capture = samples(layout)["z.jpg"][0].capture
    assert capture is not None
    assert (capture.lat, capture.lon) == ("NaN", "400")


def test_what_a_row_says_wins_over_the_defaults(tmp_path: Path, layout: DatasetLayout) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for number in range(2):
        (root / f"{number}.jpg").write_bytes(picture(number))
    (root / "t.csv").write_text("file,country,license\n0.jpg,SE,MIT\n1.jpg,SE,\n")
    import_photos(root, layout, "csv", defaults={"license": "CC0-1.0"})
    captures = {name: sample.capture for name, (sample, _) in samples(layout).items()}
    assert {name: c and c.license for name, c in captures.items()} == {
        "0.jpg": "MIT",
        "1.jpg": "CC0-1.0",
    }


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, layout: DatasetLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "MAX_IMAGE_BYTES", 1000)
    root = tmp_path / "in"
    root.mkdir()
    (root / "big.jpg").write_bytes(picture(1) + bytes(1000))
    assert import_photos(root, layout, "exif").problems == {"too_large": 1}


def test_a_pipe_is_not_opened(tmp_path: Path, layout: DatasetLayout) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    assert import_photos(tmp_path / "in", layout, "exif").problems == {"missing": 1}


def test_memory_does_not_grow(tmp_path: Path, layout: DatasetLayout) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for number in range(60):
        (root / f"{number}.jpg").write_bytes(picture(number) + bytes(200_000))
    tracemalloc.start()
    try:
        import_photos(root, layout, "exif")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000, "60 files of 200 kB must not be in memory at once"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none", "--format", "exif"], "no such file or directory"),
        (["empty", "--format", "exif"], "holds no photographs"),
        (["empty", "--format", "csv"], "must hold one CSV table"),
        (["bare.csv", "--format", "csv"], "holds no photographs"),
        (["bare.csv", "--format", "exif"], "not a directory"),
        (["empty", "--format", "zip"], "use exif, csv or pairs"),
        (["empty", "--format", "exif", "--column", "lat=Y"], "only a table has columns"),
        (["bare.csv", "--format", "csv", "--column", "lat"], "write field=column"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare.csv").write_text("file,country\n")
    out = tmp_path / "out"
    assert run("import", tmp_path / words[0], *words[1:], "--out", out) == 2
    [line] = capfd.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


def test_an_unknown_format_is_refused(tmp_path: Path, layout: DatasetLayout) -> None:
    with pytest.raises(UsageError, match="use exif, csv or pairs"):
        import_photos(tmp_path, layout, "")


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("GIF", "bin")],
)
def test_formats_by_their_bytes(kind: str, extension: str) -> None:
    assert image_extension(picture(1, kind)[:16]) == extension
    assert image_extension(b"plain text, no image") is None


def test_real_photographs_with_gps(shared_data: Path, layout: DatasetLayout) -> None:
    summary = import_photos(shared_data / "photos" / "opensfm", layout, "exif")
    assert (summary.imported, summary.skipped, summary.problems) == (32, 1, {})
    labels = (shared_data / "photos" / "opensfm" / "labels.csv").read_text().splitlines()[1:]
    found = samples(layout)
    for name, lat, lon, _ in (line.split(",") for line in labels):
        capture = found[name][0].capture
        assert capture is not None
        assert float(capture.lat) == pytest.approx(float(lat), abs=1e-9)
        assert float(capture.lon) == pytest.approx(float(lon), abs=1e-9)
        assert capture.group_id == ""
        assert found[name][1] == (shared_data / "photos" / "opensfm" / name).read_bytes()


def test_real_photographs_with_a_table(shared_data: Path, layout: DatasetLayout) -> None:
    root = shared_data / "photos" / "streetscapes"
    summary = import_photos(root, layout, "csv", defaults={"license": "CC-BY-SA-4.0"})
    assert (summary.imported, summary.problems) == (40, {})
    captures = [sample.capture for sample, _ in samples(layout).values()]
    assert {capture.country for capture in captures if capture} == {"DE", "CA", "FR"}
    assert all(capture and capture.attribution and capture.license for capture in captures)


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)
