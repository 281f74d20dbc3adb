"""Prometheus' own parser reads what is served, over real HTTP."""

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from crawler.history import Snapshot
from crawler.metrics import HOST, serve_metrics
from shards.errors import UsageError
from tests.crawler.fleet_stats import MIB, snapshot

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(port: int) -> tuple[Samples, dict[str, str]]:
    """Samples by name and labels, and the type of each family."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    return samples, {family.name: family.type for family in families}


def test_serves_the_fleet() -> None:
    with serve_metrics(0, snapshot) as port:
        samples, types = scrape(port)

    def value(name: str, **labels: str) -> float:
        return samples[name, frozenset({"source": "geoguessr", **labels}.items())]

    assert value("lostfound_captures_total", worker="game-1") == 200
    assert value("lostfound_requests_total", worker="game-0") == 900
    assert value("lostfound_received_bytes_total", worker="game-1") == 10 * MIB
    assert value("lostfound_failures_total", worker="game-1", reason="game_timeout") == 1
    assert value("lostfound_browser_bytes", worker="game-0", node="node-0") == 400 * MIB
    assert value("lostfound_tasks", state="pending") == 40
    assert value("lostfound_tasks", state="failed") == 2
    assert value("lostfound_worker_state", worker="game-0", state="working") == 1
    assert value("lostfound_worker_state", worker="game-0", state="waiting") == 0
    assert value("lostfound_pictures_blank_total") == 6
    assert value("lostfound_captures_per_minute") == 61.5
    assert types["lostfound_captures"] == "counter"
    assert types["lostfound_tasks"] == "gauge"


def test_each_scrape_asks_anew_and_names_are_escaped() -> None:
    current: list[Snapshot | None] = [None]
    with serve_metrics(0, lambda: current[-1]) as port:
        assert scrape(port)[0] == {}
        shown = snapshot()
        shown.workers[0].node = 'a"b\\c\nd'
        current.append(shown)
        samples, _ = scrape(port)
    nodes = {dict(labels).get("node") for _, labels in samples}
    assert 'a"b\\c\nd' in nodes


def test_the_port_is_free_again_and_only_on_loopback() -> None:
    with serve_metrics(0, snapshot) as port:
        with socket.socket() as outside:
            assert outside.connect_ex((_other_address(), port)) != 0
        with pytest.raises(UsageError, match=r"--metrics-port .*choose another"):
            serve_metrics(port, snapshot).__enter__()
    with serve_metrics(port, snapshot) as again:
        assert again == port


def _other_address() -> str:
    """An address of this machine that is not the one that is served."""
    return "127.0.0.2"


def test_a_port_that_is_none() -> None:
    with pytest.raises(UsageError, match="--metrics-port 99999"):
        serve_metrics(99999, snapshot).__enter__()
