"""The monitor passes on what the fleet says: to the view, the stats lines, metrics and checks."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from crawler.chaos.server import counting_server
from crawler.crawl import CrawlSummary, count_captures
from crawler.frontier import NewTask, SqliteFrontier
from crawler.health import HealthError, Thresholds
from crawler.history import Snapshot
from crawler.monitor import Monitor, MonitorOptions, monitoring
from crawler.stats import Quality
from crawler.status import crawl_status
from crawler.urls.crawl import ListOptions, crawl_urls
from crawler.web.client import ClientRules
from shards.layout import DatasetLayout
from tests.crawler.fleet_stats import worker
from tests.crawler.test_metrics import scrape


@pytest.fixture
def frontier(tmp_path: Path) -> SqliteFrontier:
    frontier = SqliteFrontier(tmp_path / "geoguessr" / "frontier.sqlite")
    frontier.add([NewTask("a"), NewTask("b")])
    return frontier


def lines(directory: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in (directory / "stats.jsonl").read_text().splitlines()]


def test_polls_become_views_and_lines(tmp_path: Path, frontier: SqliteFrontier) -> None:
    now = 0.0
    shown: list[Snapshot] = []
    directory = tmp_path / "geoguessr"
    monitor = Monitor(directory, MonitorOptions(stats_seconds=10), shown.append, lambda: now)
    for tick in range(61):
        now = tick / 2
        if now == 15:
            frontier.done("a")
        monitor.on_poll([worker(0, captures=tick)], frontier)
    assert len(shown) == 61
    assert shown[-1].source == "geoguessr"
    assert shown[-1].captures_per_minute == 120
    assert shown[-1].tasks["done"] == 1
    assert [line["seconds"] for line in lines(directory)] == [0, 10, 20, 30]


def test_the_last_line_tells_the_end(tmp_path: Path, frontier: SqliteFrontier) -> None:
    directory = tmp_path / "geoguessr"
    with monitoring(directory) as monitor:
        monitor.on_poll([worker(0)], frontier)
    assert [line["running"] for line in lines(directory)] == [True, False]
    with monitoring(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()


def test_metrics_are_those_of_the_last_poll(tmp_path: Path, frontier: SqliteFrontier) -> None:
    options = MonitorOptions(metrics_port=0)
    with monitoring(tmp_path / "geoguessr", options) as monitor:
        assert monitor.metrics_port
        assert scrape(monitor.metrics_port)[0] == {}
        monitor.on_poll([worker(1)], frontier)
        samples, _ = scrape(monitor.metrics_port)
    labels = frozenset({"source": "geoguessr", "worker": "game-1"}.items())
    assert samples["lostfound_captures_total", labels] == 200


def test_a_bad_run_ends_and_its_last_line_is_there(
    tmp_path: Path, frontier: SqliteFrontier
) -> None:
    directory = tmp_path / "geoguessr"
    bad = Quality(captures=60, located=60, looked_at=60, blank=60, places=Counter("ab" * 30))
    with monitoring(directory, MonitorOptions(health=Thresholds(min_captures=100))) as monitor:
        monitor.on_poll([worker(0, quality=bad)], frontier)
        with pytest.raises(HealthError, match="120 of the last 120 pictures are blank"):
            monitor.on_poll([worker(0, quality=bad), worker(1, quality=bad)], frontier)
    assert lines(directory)[-1]["running"] is False


@pytest.mark.usefixtures("ray_cluster")
def one_colour(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (number % 200, 30, number // 200)).save(file, "PNG")
    return file.getvalue()


def test_a_worthless_list_is_left_early_and_what_came_stays(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    dataset = DatasetLayout(tmp_path / "dataset")

    def crawl(limits: Thresholds) -> CrawlSummary:
        return crawl_urls(
            dataset,
            ListOptions(address=str(table), task_rows=10),
            workers=1,
            # One at a time, so that the run is not over before it is looked at.
            rules=ClientRules(allow_private=True, connections_per_host=1),
            monitor=MonitorOptions(health=limits),
        )

    with counting_server(600, delay=0.01, draw=one_colour) as server:
        rows = [f"{url},{n % 90},{n % 180}" for n, url in enumerate(server.urls())]
        table.write_text("\n".join(["url,lat,lon", *rows]))
        with pytest.raises(HealthError, match=r"raw/urls: \d+ of the last \d+ pictures are blank"):
            crawl(Thresholds(min_captures=20))
        stayed = count_captures(dataset.raw_source("urls"))
        assert 20 <= stayed < 600
        summary = crawl(Thresholds(min_captures=0))
    assert (summary.captures, summary.new_captures) == (600, 600 - stayed)
    status = crawl_status(dataset).sources["urls"]
    assert (status.captures, status.tasks["done"]) == (600, 60)
    assert status.workers["urls-0"]["quality"]["captures"] == 600 - stayed
