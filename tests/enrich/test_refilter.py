"""Other thresholds by the stored scores: the bytes of a fresh run, and hardly a picture decoded."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

import enrich.images.pictures
from enrich.options import EnrichOptions
from enrich.run import EnrichSummary, enrich_dataset
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, encoded, part_bytes, picture, write_segment

LOOSE = EnrichOptions(min_rgb_variance=0, min_laplacian_variance=0)
MIDDLE = EnrichOptions(min_laplacian_variance=100.0)
STRICT = EnrichOptions(min_laplacian_variance=600, min_brightness=100)
ALL = (LOOSE, MIDDLE, STRICT)


def dataset(root: Path) -> DatasetLayout:
    """Two segments of pictures from sharp to blurred, bright to dark, and some that are none."""
    layout = DatasetLayout(root)
    for segment in range(2):
        captures = []
        for n in range(segment * 8, segment * 8 + 8):
            blurred = cv2.GaussianBlur(picture(n), (0, 0), 0.3 + n % 4 * 2)
            dark = cv2.convertScaleAbs(blurred, alpha=1 - n % 3 * 0.3)
            place = {"lat": "91"} if n == 5 else {"lat": f"55.7{n}"}
            data = b"no picture" if n == 6 else encoded(dark)
            captures.append((capture(f"test-{n}", **place), data, "jpg"))
        write_segment(layout, f"w-{segment:06d}", captures)
    return layout


def run(layout: DatasetLayout, options: EnrichOptions, *, refilter: bool) -> EnrichSummary:
    return enrich_dataset(layout, options, workers=1, refilter=refilter)


@pytest.mark.parametrize("before", ALL)
@pytest.mark.parametrize("after", ALL)
def test_it_gives_the_bytes_of_a_fresh_run(
    tmp_path: Path, before: EnrichOptions, after: EnrichOptions
) -> None:
    changed, fresh = dataset(tmp_path / "changed"), dataset(tmp_path / "fresh")
    run(changed, before, refilter=False)
    first = run(changed, after, refilter=True)
    second = run(fresh, after, refilter=False)
    assert part_bytes(changed) == part_bytes(fresh)
    assert changed.duplicates.read_bytes() == fresh.duplicates.read_bytes()
    assert (first.captures, first.kept, first.rejected) == (16, second.kept, second.rejected)
    assert first.segments_done == (0 if before == after else 2)


def test_only_what_is_kept_anew_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = dataset(tmp_path)
    kept = {options: run(layout, options, refilter=True).kept for options in (LOOSE, MIDDLE)}
    strict = run(layout, STRICT, refilter=True).kept
    assert strict < kept[MIDDLE] < kept[LOOSE]
    decoded: list[int] = []
    decode = enrich.images.pictures.decode

    def counted(data: bytes, width: int, height: int) -> object:
        decoded.append(len(data))
        return decode(data, width, height)

    monkeypatch.setattr(enrich.images.pictures, "decode", counted)
    run(layout, MIDDLE, refilter=True)
    assert len(decoded) == kept[MIDDLE] - strict
    decoded.clear()
    run(layout, STRICT, refilter=True)
    assert decoded == []


def test_it_must_be_asked_for_and_changes_thresholds_alone(tmp_path: Path) -> None:
    layout = dataset(tmp_path)
    run(layout, LOOSE, refilter=False)
    with pytest.raises(UsageError, match=r"min_laplacian_variance=0.*--refilter to decide again"):
        run(layout, MIDDLE, refilter=False)
    small = EnrichOptions(width=160, height=90, min_rgb_variance=0, min_laplacian_variance=0)
    with pytest.raises(UsageError, match=r"same options, or --force"):
        run(layout, small, refilter=True)


@pytest.mark.parametrize("first_sign", ["*", "test/[!.]*.tar", "test/[!.]*.parquet"])
def test_after_kill_minus_nine_the_same_command_goes_on(tmp_path: Path, first_sign: str) -> None:
    def state() -> dict[Path, int]:
        try:
            return {path: path.stat().st_mtime_ns for path in layout.enriched.glob(first_sign)}
        except FileNotFoundError:  # gone between the two
            return {}

    layout, fresh = dataset(tmp_path / "killed"), dataset(tmp_path / "fresh")
    run(layout, LOOSE, refilter=False)
    run(fresh, MIDDLE, refilter=False)
    before = state()
    command = [
        Path(sys.executable).with_name("lostfound"),
        *("enrich", layout.root, "--workers", "1", "--refilter"),
        *("--min-laplacian-variance", "100"),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and state() == before:
            time.sleep(0.0005)
        os.kill(process.pid, signal.SIGKILL)
    run(layout, MIDDLE, refilter=True)
    assert part_bytes(layout) == part_bytes(fresh)
