"""`export`: what other tools read is what the shard set holds; resumable, and the same bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import UsageError
from shards.export import run
from shards.export.run import FORMATS, export
from shards.layout import DatasetLayout
from shards.takedown import rewrite_without
from tests.shards.datasets import make_dataset, metadata_row, snapshot, write_selection

FORMS = sorted(FORMATS)
LIMIT = BuildOptions(shard_bytes=30_000)


@pytest.fixture
def layout(tmp_path: Path) -> DatasetLayout:
    layout = make_dataset(tmp_path / "data", [metadata_row(number) for number in range(20)])
    build_shards(layout, "main", LIMIT)
    return layout


def data(out: Path) -> dict[str, bytes]:
    return {name: text for name, text in snapshot(out).items() if name != run.JOURNAL_NAME}


@pytest.mark.parametrize("form", FORMS)
def test_interrupted_and_run_again(
    layout: DatasetLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    shards = layout.shards("main")
    whole = export(shards, form, tmp_path / "whole")
    assert whole.written == len(list(shards.glob("data/*.tar"))) > 3
    written = 0
    real = FORMATS[form].write

    def stopping(task: Any) -> None:
        nonlocal written
        written += 1
        if written > 2:
            raise KeyboardInterrupt
        real(task)

    with monkeypatch.context() as patch:
        patch.setattr(FORMATS[form], "write", stopping)
        with pytest.raises(KeyboardInterrupt):
            export(shards, form, tmp_path / "out")
    assert export(shards, form, tmp_path / "out").written == whole.written - 2
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert export(shards, form, tmp_path / "out").written == 0


@pytest.mark.parametrize("form", FORMS)
def test_after_a_takedown_nothing_of_it_is_left(
    layout: DatasetLayout, tmp_path: Path, form: str
) -> None:
    shards = layout.shards("main")
    export(shards, form, tmp_path / "out")
    rewrite_without(shards, ["file-000007"])
    done = export(shards, form, tmp_path / "out")
    assert 0 < done.written < len(list(shards.glob("data/*.tar"))) + 1
    export(shards, form, tmp_path / "fresh")
    assert data(tmp_path / "out") == data(tmp_path / "fresh")
    assert not any(b"file-000007" in text for text in data(tmp_path / "out").values())


def test_another_format_into_the_same_folder(layout: DatasetLayout, tmp_path: Path) -> None:
    export(layout.root, "pairs", tmp_path / "out")
    export(layout.root, "mds", tmp_path / "out")
    assert not list(tmp_path.glob("out/*.png"))
    assert (tmp_path / "out" / "train" / "index.json").is_file()


def test_which_shard_set(layout: DatasetLayout, tmp_path: Path) -> None:
    export(layout.root, "mds", tmp_path / "out")
    write_selection(layout, "other", [metadata_row(number) for number in range(5)])
    build_shards(layout, "other")
    with pytest.raises(UsageError, match="give --name; there are: main, other"):
        export(layout.root, "mds", tmp_path / "two")
    assert export(layout.root, "mds", tmp_path / "two", name="other").samples == 5
    with pytest.raises(UsageError, match="no shard set 'none'"):
        export(layout.root, "mds", tmp_path / "three", name="none")


def test_a_folder_of_somebody_else(layout: DatasetLayout, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export(layout.root, "mds", tmp_path / "mine")


def test_the_command(
    ray_cluster: None, layout: DatasetLayout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lostfound import main

    options = ["--format", "img2dataset", "--out", str(tmp_path / "out"), "--workers", "2"]
    with pytest.raises(SystemExit) as stop:
        main(["export", str(layout.root), *options, "--json"])
    assert not stop.value.code
    assert json.loads(capsys.readouterr().out)["samples"] == 20
