"""How a worker's browsers are replaced when they have shown enough or have grown too big."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from crawler.crawl import count_captures
from crawler.playground.game import ROUNDS
from crawler.playground.server import start_in_thread
from crawler.playground.world import WorldConfig
from crawler.settings import scrapy_settings
from tests.crawler.game.working import Order, Working, wait_until

WORLD = WorldConfig(seed=5, countries=12)
MIB = 1 << 20


@pytest.mark.parametrize(
    ("limits", "games"), [({"contexts": 1}, 2), ({"bytes": 1, "bytes_per_page": 0}, 4)]
)
def test_a_browser_is_replaced_between_games(
    tmp_path: Path, limits: dict[str, int], games: int
) -> None:
    order = Order("", str(tmp_path), browser=limits)
    with start_in_thread(WORLD) as server:
        order.url = server.url
        with Working(order, games) as work:
            work.finish()
            assert not work.marked()
            with work.frontier() as frontier:
                assert frontier.failures() == {}
        assert len(server.sessions) == 1
    # No game was cut short: each page was opened once.
    assert len(work.browsers()) == games
    assert work.browsers()[-1] == games if "contexts" in limits else work.browsers()[-1] > 1
    assert count_captures(tmp_path) == games * ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_over_a_thousand_rounds(tmp_path: Path) -> None:
    """Prints the slope; `pytest -s` shows it."""
    order = Order("", str(tmp_path), pages=3)
    with start_in_thread(WORLD) as server:
        order.url = server.url
        with Working(order, 200) as work:
            work.finish(3500)
    samples = [(rounds, size) for rounds, size in work.memory() if rounds >= 150 and size]
    slope, level = np.polyfit(*np.array(samples, float).T, 1)
    print(f"{slope / MIB:.3f} MiB per round from {level / MIB:.0f} MiB, {len(samples)} samples")
    assert slope < 0.1 * MIB


def test_waits_while_the_disk_is_full(tmp_path: Path) -> None:
    free = tmp_path / "free"
    free.write_text("0")
    order = Order("", str(tmp_path), free_bytes=str(free))
    with start_in_thread(WORLD) as server:
        order.url = server.url
        with Working(order, 1) as work, work.frontier() as frontier:
            wait_until(lambda: server.log.kinds["robots"] > 0, 60)
            psutil.wait_procs([work.root], timeout=2)
            assert work.process.poll() is None
            assert server.log.kinds["page"] == 0
            free.write_text(str(1 << 40))
            work.finish()
            assert frontier.failures() == {}
    assert count_captures(tmp_path) == ROUNDS


def test_settings_open_no_door() -> None:
    settings = scrapy_settings(user_agent="x", base_url="http://127.0.0.1:1", pages=3)
    assert settings["TELNETCONSOLE_ENABLED"] is False
    assert settings["REMOTE_CONTROL_ENABLED"] is False
    assert set(settings["DOWNLOAD_HANDLERS"]) == {"http"}
    assert settings["PLAYWRIGHT_MAX_PAGES_PER_CONTEXT"] == 1
