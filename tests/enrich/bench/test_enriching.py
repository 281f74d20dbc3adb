"""The benchmark runs and reports a ratio; how fast it is says nothing here."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from enrich.bench.enriching import KINDS, Kind, bare_loop
from enrich.bench.photographs import write_photographs
from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from lostfound import main
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, write_segment


def bench(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "enrich", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_bench_enrich(ray_cluster: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, "--images", "4", "--rounds", "1", "--json")
    result = json.loads(out)
    assert code == 0
    assert {"name", "ours", "baseline", "ratio", "unit", "cpus"} <= set(result)
    assert (result["name"], result["images"], result["segments"]) == ("enrich", 4, 4)
    assert set(result["kinds"]) == {"jpg 1280x720", "jpg 2048x1536", "png 1280x720"}
    for kind in result["kinds"].values():
        assert min(kind["ours"], kind["baseline"], kind["ratio"]) > 0
    assert result["ratio"] == min(kind["ratio"] for kind in result["kinds"].values())


def test_a_folder_without_photographs_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capsys, "--photos", str(tmp_path))
    assert (code, out) == (2, "")
    assert "no JPEG or PNG photographs" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_loop_writes_what_enrich_writes(tmp_path: Path, kind: Kind) -> None:
    file = tmp_path / f"one.{kind.extension}"
    write_photographs([file], 7, kind.size, [])
    bare_loop([file], kind.flags)
    layout = DatasetLayout(tmp_path / "dataset")
    segment = write_segment(
        layout, "w-000000", [(capture("one"), file.read_bytes(), kind.extension)]
    )
    enrich_segment(layout, segment, EnrichOptions())
    data = layout.part_tar(segment).read_bytes()
    ours, loops = (
        np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.int16)
        for jpeg in (data[512:], file.with_suffix(".out").read_bytes())
    )
    assert ours.shape == loops.shape == (180, 320, 3)
    assert np.abs(ours - loops).max() <= 8


def test_photographs_are_all_different(tmp_path: Path) -> None:
    real = tmp_path / "real.png"
    write_photographs([real], 0, (400, 300), [])
    for scenes in ([], [real]):
        files = [tmp_path / f"{number}.jpg" for number in range(6)]
        write_photographs(files, 0, (320, 180), scenes)
        assert len({file.read_bytes() for file in files}) == len(files)
        assert cv2.imread(str(files[0])).shape == (180, 320, 3)  # type: ignore[union-attr]
