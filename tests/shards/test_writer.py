"""A tar is the same bytes however it is cut into windows, and wherever its images lie."""

import tarfile
from pathlib import Path

import pytest

from shards import sources, writer
from shards.build import BuildOptions, build_shards
from shards.tar import END_OF_ARCHIVE, padded
from tests.shards.datasets import make_dataset, snapshot

SMALL = BuildOptions(shard_bytes=90_000)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    layout = make_dataset(tmp_path_factory.mktemp("expected"), parts=7)
    build_shards(layout, "main", SMALL)
    return snapshot(layout.shards("main"))


@pytest.mark.parametrize("window", [1, 7_000, 20_000])
def test_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes], window: int
) -> None:
    monkeypatch.setattr(writer, "WINDOW_BYTES", window)
    layout = make_dataset(tmp_path, parts=7)
    build_shards(layout, "main", SMALL)
    assert snapshot(layout.shards("main")) == expected


def test_more_source_files_than_are_kept_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes]
) -> None:
    monkeypatch.setattr(sources, "MAX_OPEN", 2)
    layout = make_dataset(tmp_path, parts=7)
    build_shards(layout, "main", SMALL)
    assert snapshot(layout.shards("main")) == expected


def test_whatever_is_no_content_is_zero(expected: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in expected.items():
        if name.endswith(".tar"):
            (tmp_path / "one.tar").write_bytes(data)
            with tarfile.open(tmp_path / "one.tar") as tar:
                members = tar.getmembers()
            for member in members:
                end = member.offset_data + member.size
                assert not any(data[end : member.offset_data + padded(member.size)])
            assert data[-len(END_OF_ARCHIVE) :] == END_OF_ARCHIVE
            last = members[-1].offset_data + padded(members[-1].size)
            assert last + len(END_OF_ARCHIVE) == len(data)
