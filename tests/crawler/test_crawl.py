"""Whole crawls: real Chromium, real Ray, the real playground; killed and stopped as well."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from crawler.crawl import CrawlSummary, count_captures
from crawler.game.crawl import crawl_game
from crawler.playground.game import ROUNDS, Book
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import World, WorldConfig
from crawler.web.identity import is_loopback, user_agent
from lostfound import main
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.segment import OPEN_SUFFIX, read_segment

WORLD = WorldConfig(seed=5, countries=12, bad_share=0.4)
GAMES = 4
Rounds = dict[str, tuple[float, float, tuple[int, int]]]
"""Key to latitude, longitude, and the picture's size in pixels."""


@pytest.fixture
def server() -> Iterator[Server]:
    with start_in_thread(WORLD) as running:
        yield running


def dealt_rounds() -> Rounds:
    """What an undisturbed run must have fetched: an equal server deals equal games."""
    book = Book(World(WORLD))
    return {
        f"geoguessr-{game.id}-{number}": (
            dealt.place.lat,
            dealt.place.lon,
            (48, 27) if dealt.kind == "tiny" else (1280, 720),
        )
        for game in (book.deal("anyone") for _ in range(GAMES))
        for number, dealt in enumerate(game.rounds, 1)
    }


def fetched_rounds(dataset: DatasetLayout) -> Rounds:
    """All sealed captures. Fails on a key that stands there twice, and on damaged pictures."""
    found: Rounds = {}
    for path in dataset.sealed_segments():
        data = path.read_bytes()
        for sample in read_segment(path):
            capture = sample.capture
            assert capture is not None, sample.problem
            assert sample.key not in found
            end = sample.image_offset + sample.image_size
            with Image.open(io.BytesIO(data[sample.image_offset : end])) as image:
                image.load()
                found[sample.key] = (float(capture.lat), float(capture.lon), image.size)
            extra = json.loads(capture.extra)
            assert extra["settled"]
            assert not extra["covered"]
    return found


def browsers(root: psutil.Process) -> list[psutil.Process]:
    found = []
    for process in root.children(recursive=True):
        try:
            if "chrom" in process.name():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_two_actors_fetch_what_was_dealt(ray_cluster: None, server: Server, tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    summary = crawl_game(dataset, url=server.url, games=GAMES, workers=2, pages=1)
    assert isinstance(summary, CrawlSummary)
    assert (summary.tasks, summary.captures) == (GAMES, GAMES * ROUNDS)
    assert (summary.tasks_failed, summary.workers_replaced) == (0, 0)
    assert fetched_rounds(dataset) == dealt_rounds()
    assert len(server.book.games) == GAMES
    assert {game.finished for game in server.book.games.values()} == {True}
    wait_until(lambda: not browsers(psutil.Process()), 10)
    again = crawl_game(dataset, url=server.url, games=GAMES, workers=1)
    assert (again.new_captures, again.captures) == (0, GAMES * ROUNDS)
    (session,) = dataset.raw_source("geoguessr").glob("session-*.json")
    assert session.stat().st_mode & 0o777 == 0o600
    # The frontier is only a queue: without it, the ledgers still know what was fetched.
    (dataset.raw_source("geoguessr") / "frontier.sqlite").unlink()
    assert crawl_game(dataset, url=server.url, games=GAMES, workers=1).new_captures == 0


class Command:
    """`lostfound crawl game` in a process of its own, killed with all its children at the end."""

    def __init__(self, server: Server, dataset: DatasetLayout, workers: int) -> None:
        self.directory = dataset.raw_source("geoguessr")
        arguments = ["crawl", "game", "--out", str(dataset.root), "--url", server.url, "--json"]
        arguments += ["--games", str(GAMES), "--workers", str(workers), "--pages", "1"]
        program = "import sys, lostfound; lostfound.main(sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.root = psutil.Process(self.process.pid)

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill_everything()

    def wait_for_captures(self, more: int) -> None:
        before = count_captures(self.directory)
        wait_until(
            lambda: (
                self.process.poll() is not None or count_captures(self.directory) >= before + more
            ),
            200,
        )
        assert self.process.poll() is None, self.process.communicate()

    def kill_everything(self) -> None:
        """SIGKILL for the command, Ray's daemons, the actors and browsers, without warning."""
        for each in [self.root, *self.root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.communicate()

    def kill_an_actor(self) -> None:
        for each in self.root.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "".join(each.cmdline()).startswith("ray::WorkerActor"):
                    each.kill()
                    return
        raise AssertionError("no actor found")


@pytest.mark.timeout(900)  # three starts of Ray and three of a browser
def test_killed_and_stopped_it_ends_like_an_undisturbed_run(server: Server, tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    directory = dataset.raw_source("geoguessr")

    with Command(server, dataset, workers=2) as run:
        run.wait_for_captures(3)
        run.kill_everything()

    with Command(server, dataset, workers=1) as run:
        run.wait_for_captures(3)
        started = browsers(run.root)
        assert started
        run.process.send_signal(signal.SIGINT)
        _, errors = run.process.communicate(timeout=60)
        assert run.process.returncode == 130, errors
        assert len(errors.strip().splitlines()) == 1
    wait_until(lambda: not any(each.is_running() for each in started), 10)
    assert list(directory.glob(f"*{OPEN_SUFFIX}"))

    with Command(server, dataset, workers=1) as run:
        run.wait_for_captures(1)
        run.kill_an_actor()
        output, errors = run.process.communicate(timeout=240)
        assert run.process.returncode == 0, errors
    assert json.loads(output)["workers_replaced"] == 1
    assert not list(directory.glob(f"*{OPEN_SUFFIX}"))
    assert fetched_rounds(dataset) == dealt_rounds()
    assert len(server.book.games) == GAMES


def test_refuses_what_may_not_be_crawled(tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    with pytest.raises(UsageError, match="--operator-has-permission"):
        crawl_game(dataset, url="https://example.test", games=1, workers=1)
    with pytest.raises(UsageError, match="--contact"):
        crawl_game(
            dataset, url="https://example.test", games=1, workers=1, operator_has_permission=True
        )
    with pytest.raises(UsageError, match="1 or more"):
        crawl_game(dataset, url="http://127.0.0.1:1", games=0, workers=1)
    with pytest.raises(WorkError, match=r"cannot be reached .*; start the server"):
        crawl_game(dataset, url="http://127.0.0.1:1", games=1, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_addresses_and_identity() -> None:
    assert is_loopback("http://127.0.0.1:8000")
    assert is_loopback("http://localhost/x")
    assert is_loopback("http://[::1]:80")
    assert not is_loopback("http://127.0.0.1.example.test")
    assert not is_loopback("http://10.0.0.1")
    for address in ("", "127.0.0.1:8000", "file:///etc/passwd", "http://[bad"):
        with pytest.raises(UsageError, match="not a web address"):
            is_loopback(address)
    assert "me@example.test" in user_agent("me@example.test")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["crawl", "nothing", "--out", "x"], 2, "known are game"),
        (["crawl", "game", "--out", "x", "--url", "http://127.0.0.1:1"], 1, "cannot be reached"),
        (["crawl", "game", "--out", "x", "--email", "a@b.test"], 2, "LOSTFOUND_PASSWORD"),
    ],
)
def test_the_command_fails_in_one_line(
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOSTFOUND_PASSWORD", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == code
    errors = capsys.readouterr().err.strip()
    assert words in errors
    assert "\n" not in errors
