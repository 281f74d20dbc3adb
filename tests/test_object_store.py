"""No pixels go through Ray's object store, in none of the stages: a real small run of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from crawler.urls.bench import serving
from crawler.urls.crawl import ListOptions, crawl_urls
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from lostfound import main
from shards.build import BuildOptions, build_shards
from shards.layout import DatasetLayout
from tests.crawler.urls.pictures import RULES
from tests.enrich.samples import encoded
from tests.training.conftest import tiny_config
from training.job.train import run_training

COUNT = 40
SHARE = 0.02
"""Of the pictures' bytes: what tasks are told, their rows, and their answers."""


@contextmanager
def counted(most: float) -> Iterator[None]:
    """Fails where more bytes than these are made in the object store, or any are spilled."""
    before = stored()
    yield
    made, spilled = (after - early for early, after in zip(before, stored(), strict=True))
    assert spilled == 0
    assert made <= most, f"{made} bytes in the object store"


def stored() -> tuple[int, int]:
    """All bytes that were ever made in the object store, and those that were spilled."""
    import ray
    from ray._private.internal_api import get_memory_info_reply, get_state_from_address

    state = get_state_from_address(ray.get_runtime_context().gcs_address)
    stats = get_memory_info_reply(state).store_stats
    return stats.cumulative_created_bytes, stats.spilled_bytes_total


def photograph(number: int) -> bytes:
    """Half a megabyte that nothing makes smaller."""
    pixels = np.random.default_rng(number).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    return encoded(pixels)


def test_the_counter_sees_what_is_put(ray_cluster: None) -> None:
    import ray

    with pytest.raises(AssertionError, match="bytes in the object store"), counted(1 << 20):
        ray.put(np.zeros(2 << 20, np.uint8))


@pytest.mark.slow
def test_a_run_of_every_stage(tmp_path: Path, ray_cluster: None) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(COUNT):
        (pictures / f"{number}.jpg").write_bytes(photograph(number))
    captured = sum(file.stat().st_size for file in pictures.iterdir())
    layout = DatasetLayout(tmp_path / "dataset")
    with serving(pictures) as port, counted(captured * SHARE):
        table = tmp_path / "list.csv"
        rows = [
            f"http://127.0.0.1:{port}/{n}.jpg,{45 + n / 50},5.5,CC0-1.0,somebody"
            for n in range(COUNT)
        ]
        table.write_text("url,lat,lon,license,attribution\n" + "\n".join(rows) + "\n")
        options = ListOptions(address=str(table), task_rows=10)
        crawled = crawl_urls(layout, options, workers=2, rules=RULES)
        assert crawled.captures == COUNT
    with counted(captured * SHARE):
        enriched = enrich_dataset(layout, EnrichOptions(), workers=2)
        assert (enriched.captures, enriched.failures) == (COUNT, [])
    with pytest.raises(SystemExit) as stop:
        main(["select", str(layout.root), "--name", "all", "--split", "random"])
    assert not stop.value.code
    kept = sum(file.stat().st_size for file in layout.enriched.rglob("*.tar"))
    with counted(kept * SHARE):
        build_shards(layout, "all", BuildOptions(shard_bytes=kept // 8), workers=2)
    with counted(kept * SHARE):
        done = run_training(tiny_config("epochs=2"), layout.shards("all"), tmp_path / "runs")
        assert done["epochs"] == 2
