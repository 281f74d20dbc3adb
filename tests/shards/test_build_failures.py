"""A build that fails says so in one line, and the earlier shards are as they were."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.verify import verify_shards
from tests.shards.datasets import (
    edit_json,
    make_dataset,
    metadata_row,
    snapshot,
    write_part,
    write_selection,
)

ROOT = Path(__file__).parents[2]
ROWS = [metadata_row(number) for number in range(40)]
SMALL = BuildOptions(shard_bytes=40_000)


@pytest.fixture
def built(tmp_path: Path) -> DatasetLayout:
    """Shards of a selection of some rows; now all of them are selected."""
    layout = make_dataset(tmp_path / "dataset", ROWS)
    write_selection(layout, "main", ROWS[:10])
    build_shards(layout, "main", SMALL)
    write_selection(layout, "main", ROWS)
    return layout


def command(layout: DatasetLayout, *, file_bytes: int) -> subprocess.CompletedProcess[str]:
    """The real command, on a system that lets it write files of so many bytes."""
    arguments = ["build", str(layout.root), "--selection", "main", "--workers", "1"]
    return subprocess.run(
        [Path(sys.executable).with_name("lostfound"), *arguments, "--shard-size", "40kB"],
        cwd=ROOT,
        # Cached byte code would be cut off, too.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes)),
    )


def test_no_room_for_a_shard(built: DatasetLayout, tmp_path: Path) -> None:
    before = snapshot(built.shards("main"))
    done = command(built, file_bytes=30_000)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written (File too large)" in done.stderr
    assert snapshot(built.shards("main")) == before
    assert verify_shards(built.shards("main")).defects == []
    # What was finished is kept, and the next build ends as if nothing had been.
    assert build_shards(built, "main", SMALL).written < 10
    other = make_dataset(tmp_path / "other", ROWS)
    build_shards(other, "main", SMALL)
    assert snapshot(built.shards("main")) == snapshot(other.shards("main"))


def test_a_missing_enriched_tar(built: DatasetLayout) -> None:
    before = snapshot(built.shards("main"))
    (built.enriched / "file" / "test-000001.tar").unlink()
    with pytest.raises(WorkError, match=r"test-000001\.tar: cannot be read \(No such file"):
        build_shards(built, "main", SMALL)
    assert snapshot(built.shards("main")) == before


def test_a_dataset_that_changed_under_the_selection(built: DatasetLayout) -> None:
    before = snapshot(built.shards("main"))
    changed = [row | ({"status": "rejected"} if not n % 9 else {}) for n, row in enumerate(ROWS)]
    write_part(built, "test-000000", changed[0::2])
    with pytest.raises(WorkError, match=r"3 of its keys are not kept rows \(first: file-000000\)"):
        build_shards(built, "main", SMALL)
    assert snapshot(built.shards("main")) == before


def test_a_selection_of_a_newer_version(built: DatasetLayout) -> None:
    edit_json(built.selection("main") / "selection.json", format_version=99)
    with pytest.raises(UsageError, match="format version 99, but this program reads up to"):
        build_shards(built, "main", SMALL)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format_version": "new"}', "null", "\x00"])
def test_what_is_no_selection(built: DatasetLayout, text: str) -> None:
    (built.selection("main") / "selection.json").write_text(text)
    with pytest.raises(WorkError, match="not a selection's record"):
        build_shards(built, "main", SMALL)
