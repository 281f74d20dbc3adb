"""A task that Ray runs twice, at the same time even: the same bytes as once, and nothing left."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from shards import shardset
from shards.build import build_shards
from shards.layout import DatasetLayout
from shards.store import Folder
from shards.writer import ShardResult, ShardTask, write_shard
from tests.shards.crash import OPTIONS
from tests.shards.datasets import make_dataset, snapshot


@pytest.fixture
def built(tmp_path: Path) -> DatasetLayout:
    layout = make_dataset(tmp_path / "once")
    build_shards(layout, "main", OPTIONS)
    return layout


def test_a_shard_written_by_three_at_once(
    tmp_path: Path, built: DatasetLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New shards, then those that are there already and only linked."""
    monkeypatch.setattr(shardset, "write_shard", three_times(write_shard))
    layout = make_dataset(tmp_path / "thrice")
    for _ in range(2):
        build_shards(layout, "main", OPTIONS)
        assert snapshot(layout.shards("main")) == snapshot(built.shards("main"))
        assert [path.name for path in (layout.root / "shards").iterdir()] == ["main"]


def test_a_file_linked_by_many_at_once(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    (tmp_path / "a").write_bytes(b"content")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.link("a", "folder/b"), range(200)))
    assert snapshot(tmp_path) == {"a": b"content", "folder/b": b"content"}


def three_times(work: Callable[[ShardTask], ShardResult]) -> Callable[[ShardTask], ShardResult]:
    def again(task: ShardTask) -> ShardResult:
        together = Barrier(3)

        def one(_: int) -> ShardResult:
            together.wait()
            return work(task)

        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(one, range(3)))
        assert results[0].tar == results[1].tar == results[2].tar
        return results[0]

    return again
