"""A game worker in a process of its own, so that it can be stopped, killed and looked into."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from crawler.crawl import count_captures
from crawler.frontier import NewTask
from crawler.game import spider
from crawler.game.browsers import BrowserLimits
from crawler.game.crawl import PLAYGROUND_ACCOUNT
from crawler.game.driver import PageDriver
from crawler.game.job import GameJob
from crawler.game.site import Site
from crawler.game.spider import GameSpider
from crawler.guard import ENVIRONMENT_VARIABLE
from crawler.queue import Queue
from crawler.web.identity import user_agent

CONTACT = "tests@example.test"
PROGRAM = "import sys; from tests.crawler.game.working import main; main(sys.argv[1])"
SAMPLE_SECONDS = 3.0
LOOK = "[innerWidth, innerHeight, navigator.language, navigator.userAgent]"


@dataclass
class Order:
    """What a worker is told, as JSON can say it."""

    url: str
    directory: str
    pages: int = 1
    crash_at_guess: int = 0
    """The guess, counted from 1, at which the page is made to crash."""
    browser: dict[str, int] = field(default_factory=dict)
    free_bytes: str = ""
    """A file with the number that stands for what is free on the disk."""


class Working:
    """The process. Everything of it is gone at the end of the block."""

    def __init__(self, order: Order, games: int) -> None:
        self.directory = Path(order.directory)
        self.queue = Queue(self.directory)
        with self.frontier() as frontier:
            frontier.add([NewTask(f"game-{number:06d}") for number in range(games)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(vars(order))],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.root = psutil.Process(self.process.pid)

    @contextmanager
    def frontier(self) -> Iterator[Any]:
        frontier: Any = self.queue.frontier()
        try:
            yield frontier
        finally:
            frontier.close()

    def __enter__(self) -> "Working":
        return self

    def __exit__(self, *_: object) -> None:
        for each in [*self.tree(), *self.marked()]:
            with suppress(psutil.Error):
                each.kill()
        with suppress(psutil.Error):
            self.root.kill()
        self.process.communicate()

    def wait_for_captures(self, more: int, seconds: float = 200) -> None:
        wanted = count_captures(self.directory) + more

        def there() -> bool:
            return self.process.poll() is not None or count_captures(self.directory) >= wanted

        wait_until(there, seconds)
        assert self.process.poll() is None, self.process.communicate()

    def finish(self, seconds: float = 250) -> str:
        """Waits until the worker has nothing left to do; what it wrote on stderr."""
        _, errors = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, errors
        return errors

    def tree(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return self.root.children(recursive=True)
        return []

    def chromium(self) -> psutil.Process | None:
        """The main process of the browser that started last."""
        found = [each for each in self.tree() if is_browser(each)]
        return max(found, key=lambda each: each.create_time(), default=None)

    def node(self) -> psutil.Process:
        """Playwright's own process."""
        (found,) = [each for each in self.tree() if "run-driver" in command(each)]
        return found

    def marked(self) -> list[psutil.Process]:
        """Living processes of this worker's browsers, wherever in the tree they are."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                mark = each.environ().get(ENVIRONMENT_VARIABLE, "")
                if mark.startswith(f"{self.process.pid}-"):
                    found.append(each)
        return found

    def looks(self) -> list[list[Any]]:
        """Width, height, language and user agent of each page that was opened."""
        lines = (self.directory / "looks.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def browsers(self) -> list[int]:
        """For each page that was opened, how many browsers had been started by then."""
        return [int(line) for line in (self.directory / "browsers.txt").read_text().split()]

    def memory(self) -> list[tuple[int, int]]:
        """Rounds so far and bytes of the browsers, every few seconds."""
        lines = (self.directory / "memory.jsonl").read_text().splitlines()
        return [tuple(json.loads(line)) for line in lines]

    def caps(self) -> list[int]:
        """The free places of each context, after its page had gone."""
        return [int(line) for line in (self.directory / "caps.txt").read_text().split()]


def is_browser(process: psutil.Process) -> bool:
    """Whether it is a browser's main process: the leader of the group, not yet a copy of it."""
    with suppress(ProcessLookupError):
        words = command(process)
        ours = "--remote-debugging-pipe" in words and "--type=" not in words
        return ours and os.getpgid(process.pid) == process.pid
    return False


def command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; one that nobody has waited for does not."""
    found = []
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def main(order_text: str) -> None:
    """The program of the process."""
    order = Order(**json.loads(order_text))
    directory = Path(order.directory)
    job = GameJob(
        directory=directory,
        writer="game-0",
        site=Site(base_url=order.url),
        account=PLAYGROUND_ACCOUNT,
        user_agent=user_agent(CONTACT),
        pages=order.pages,
        session=directory / "session.json",
        browser=BrowserLimits(**order.browser),
        queue=Queue(directory),
    )
    _spy(directory, order.crash_at_guess)
    if order.free_bytes:
        spider.free_bytes_of = lambda _: lambda: int(Path(order.free_bytes).read_text())  # type: ignore[assignment]
    asyncio.run(_run(job.worker(), directory))
    os._exit(0)


async def _run(worker: Any, directory: Path) -> None:
    measuring = asyncio.create_task(_measure(worker, directory))
    await worker.run()
    measuring.cancel()


async def _measure(worker: Any, directory: Path) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        rounds, size = count_captures(directory), worker.stats().browser_bytes
        with (directory / "memory.jsonl").open("a") as file:
            file.write(json.dumps([rounds, size]) + "\n")


def _spy(directory: Path, crash_at_guess: int) -> None:
    """Writes down what pages are like and what is free of their contexts; crashes one."""
    play, retire, guess = GameSpider._play, GameSpider._retire, PageDriver.guess
    guesses = 0

    async def looked_at(self: GameSpider, task: Any, page: Any) -> Any:
        with (directory / "looks.jsonl").open("a") as file:
            file.write(json.dumps(await page.evaluate(LOOK)) + "\n")
        assert self.browsers is not None
        with (directory / "browsers.txt").open("a") as file:
            file.write(f"{self.browsers.stats.get_value('playwright/browser_count')}\n")
        return await play(self, task, page)

    async def counted(self: GameSpider, page: Any) -> None:
        assert self.browsers is not None
        wrappers = [
            wrapper
            for wrapper in self.browsers.context_wrappers.values()
            if wrapper.context is page.context
        ]
        close = page.close

        async def close_and_count() -> None:
            await close()
            await asyncio.sleep(0)
            with (directory / "caps.txt").open("a") as file:
                file.writelines(f"{wrapper.semaphore._value}\n" for wrapper in wrappers)

        page.close = close_and_count
        await retire(self, page)

    async def crash_or_guess(self: PageDriver, seconds: float) -> None:
        nonlocal guesses
        guesses += 1
        if guesses == crash_at_guess:
            with suppress(Exception):
                await self.page.goto("chrome://crash", timeout=10_000)
        await guess(self, seconds)

    patched: Any = GameSpider
    patched._play, patched._retire = looked_at, counted
    driver: Any = PageDriver
    driver.guess = crash_or_guess
