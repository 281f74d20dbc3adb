"""The benchmark's own half: every picture is fetched and enriched, and failures are said so."""

from pathlib import Path

import pytest

from crawler.urls.bench import Pool, run_img2dataset, serving, write_list, write_photographs
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout


@pytest.mark.usefixtures("ray_cluster")
def test_ours_ends_with_finished_parts(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_photographs(tmp_path / "photographs", 3)
    with serving(tmp_path / "photographs") as port, Pool() as pool:
        write_list(tmp_path / "list.parquet", port, 30, photographs=3)
        for _ in range(2):
            assert pool.crawl_and_enrich(tmp_path / "list.parquet", tmp_path / "ours", 30) > 0
            parts = DatasetLayout(tmp_path / "ours").parts()
            assert sum(pq.read_table(part).num_rows for part in parts) == 30
            assert pq.read_table(parts[0])["width"].to_pylist()[0] == 320


def test_img2dataset_that_does_nothing_is_an_error(tmp_path: Path) -> None:
    command = tmp_path / "img2dataset"
    command.write_text("#!/bin/sh\necho no such option >&2\n")
    command.chmod(0o755)
    with pytest.raises(WorkError, match="no such option"):
        run_img2dataset(command, tmp_path / "list.parquet", tmp_path / "theirs", 30)


def test_img2dataset_that_is_not_there(tmp_path: Path) -> None:
    from crawler.urls.bench import bench_urls

    with pytest.raises(UsageError, match="no such file"):
        bench_urls(images=100, rounds=1, img2dataset=tmp_path / "none")
