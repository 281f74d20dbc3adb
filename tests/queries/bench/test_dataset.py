"""The report of 100,000 made-up rows: small enough, and it opens. How fast, says the benchmark."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from queries.bench.dataset import PICTURES, make_dataset
from queries.report.report import write_report
from shards.schema import METADATA_SCHEMA
from tests.queries.browsing import closed, map_state, opened
from tests.queries.conftest import browser  # noqa: F401 - a fixture

ROWS = 100_000
MOST_BYTES = 20_000_000


def test_a_hundred_thousand_rows(tmp_path: Path, browser: Any) -> None:  # noqa: F811
    layout = make_dataset(tmp_path / "made", ROWS)
    [part] = layout.parts()
    assert pq.read_schema(part).equals(METADATA_SCHEMA)
    summary = write_report(layout, "default")
    assert summary["captures"] == ROWS
    assert 0.9 * ROWS < summary["kept"] < ROWS
    assert summary["countries"] > 200
    assert summary["pictures"] > PICTURES / 2
    assert summary["bytes"] < MOST_BYTES
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = opened(browser, Path(summary["report"]), width, scheme, reduced_motion="reduce")
        _, clusters = map_state(page)
        assert clusters > 10
        page.click("#map [data-do=in]")
        zoom, more = map_state(page)
        assert zoom == 2
        assert more > clusters
        page.click("[data-layer-name=heat]")
        assert page.locator("#samples .group").count() > 200
        closed(page, width)


def test_the_same_dataset_twice(tmp_path: Path) -> None:
    one, two = (make_dataset(tmp_path / name, 1000) for name in "ab")
    assert one.parts()[0].read_bytes() == two.parts()[0].read_bytes()
