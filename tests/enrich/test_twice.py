"""A task that Ray runs twice, at the same time even: the same bytes as once, and nothing left."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from tests.enrich.samples import part_bytes, simple_dataset


def test_a_segment_enriched_by_three_at_once(tmp_path: Path) -> None:
    once = simple_dataset(tmp_path / "once", segments=1, captures=6)
    enrich_segment(once, once.sealed_segments()[0], EnrichOptions())
    expected = part_bytes(once)
    for trial in range(2):
        layout = simple_dataset(tmp_path / str(trial), segments=1, captures=6)
        [segment] = layout.sealed_segments()
        together = Barrier(3)

        def work(_: int) -> None:
            together.wait()  # noqa: B023 - done within this turn
            enrich_segment(layout, segment, EnrichOptions())  # noqa: B023

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        assert part_bytes(layout) == expected
