"""A whole dataset: the same bytes for any number of workers, and only what is missing is done."""

import json
from pathlib import Path

import pytest

from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from lostfound import main
from shards.errors import UsageError
from tests.enrich.samples import capture, jpeg, part_bytes, simple_dataset, write_segment

OPTIONS = EnrichOptions()


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, ray_cluster: None) -> None:
    one, two = (simple_dataset(tmp_path / name, segments=3) for name in ("one", "two"))
    first = enrich_dataset(one, OPTIONS, workers=1)
    second = enrich_dataset(two, OPTIONS, workers=2)
    assert part_bytes(one) == part_bytes(two)
    assert one.duplicates.read_bytes() == two.duplicates.read_bytes()
    assert (first.captures, first.kept) == (second.captures, second.kept) == (9, 9)


def test_only_missing_parts_are_done(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path)
    first = enrich_dataset(layout, OPTIONS, workers=1)
    before = part_bytes(layout)
    times = {path: path.stat().st_mtime_ns for path in layout.parts()}
    write_segment(layout, "x-000000", [(capture("test-0"), jpeg(0), "jpg")])  # a key seen before
    second = enrich_dataset(layout, OPTIONS, workers=1)
    assert (first.segments_done, first.segments_skipped) == (2, 0)
    assert (second.segments_done, second.segments_skipped) == (1, 2)
    assert (second.captures, second.kept) == (7, 6)
    assert second.rejected == {"duplicate_key": 1}
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert before.items() <= part_bytes(layout).items()


def test_what_is_done_is_not_read_again(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path, segments=3)
    enrich_dataset(layout, OPTIONS, workers=1)
    # Emptied, so that whoever reads one of them fails.
    for old in (*layout.sealed_segments(), *layout.enriched.rglob("*.tar")):
        old.write_bytes(b"")
    write_segment(layout, "x-000000", [(capture("new"), jpeg(99), "jpg")])
    again = enrich_dataset(layout, OPTIONS, workers=1)
    assert (again.segments_done, again.segments_skipped, again.failures) == (1, 3, [])
    assert again.captures == 10
    assert enrich_dataset(layout, OPTIONS, workers=1).segments_done == 0


def test_other_options_need_force(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path, 1)
    enrich_dataset(layout, OPTIONS, workers=1)
    small = EnrichOptions(width=160, height=90)
    with pytest.raises(UsageError, match=r"made with height=180, width=320; .*--force"):
        enrich_dataset(layout, small, workers=1)
    enrich_dataset(layout, small, workers=1, force=True)
    assert json.loads((layout.enriched / "options.json").read_text())["width"] == 160
    other = simple_dataset(tmp_path / "other", 1)
    enrich_dataset(other, small, workers=1)
    assert part_bytes(layout) == part_bytes(other)


def test_leftovers_of_a_killed_run_go(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path, 1)
    leftover = layout.enriched / "test" / ".tmp-0123-w-000000.tar"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    enrich_dataset(layout, OPTIONS, workers=1)
    assert not leftover.exists()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["enrich", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simple_dataset(tmp_path, 1)
    code, out, _ = run(capsys, str(tmp_path), "--workers", "1", "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["captures"] == summary["kept"] + sum(summary["rejected"].values()) == 3
    assert (summary["countries"], summary["segments"]["done"]) == (1, 1)
    code, out, _ = run(capsys, str(tmp_path))
    assert code == 0
    assert "captures" in out


def test_a_damaged_segment_is_a_failure_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = simple_dataset(tmp_path)
    damaged = layout.sealed_segments()[0]
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    code, out, err = run(capsys, str(tmp_path), "--workers", "1", "--json")
    summary = json.loads(out)
    assert code == 1
    assert summary["segments"] == {"done": 1, "skipped": 0, "failed": 1}
    assert summary["captures"] == 3
    assert "w-000000.tar: not a readable segment" in summary["failures"][0]
    assert "1 of 2 segments could not be read" in err
    assert not layout.part_rows(damaged).exists()
    assert not layout.part_tar(damaged).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no such dataset directory"),
        (("--size", "320"), "write it as WIDTHxHEIGHT"),
        (("--size", "0x180"), "use sides from 1 to"),
        (("--min-rgb-variance", "nan"), "use a number from 0 up"),
        (("--workers", "-1"), "--workers"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    dataset = tmp_path / "dataset"
    if words:
        simple_dataset(dataset, 1)
    code, out, err = run(capsys, str(dataset), *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_nothing_to_enrich_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, str(tmp_path))
    assert (code, "no segments" in err) == (2, True)
    opened = tmp_path / "raw" / "test" / "w-000000.open.tar"
    opened.parent.mkdir(parents=True)
    opened.touch()
    code, _, err = run(capsys, str(tmp_path))
    assert (code, "still open" in err) == (2, True)
