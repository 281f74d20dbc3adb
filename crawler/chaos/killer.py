"""Runs a command to its end while its processes are killed without warning."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from shards.errors import WorkError

MAX_STARTS = 400
PATIENCE = 15.0
ACTOR = "ray::WorkerActor"
BROWSERS = ("chrom", "headless_shell")
OURS = (ACTOR, "playwright", "guard.py", *BROWSERS)
"""What must not outlive its driver. Ray's daemons end by themselves, some after a minute."""


class Victim(StrEnum):
    WORKER = "worker"
    BROWSER = "browser"
    DRIVER = "driver"


@dataclass
class Killer:
    """Kills one victim every now and then, as soon as the command has fetched something new."""

    command: Sequence[str]
    log: Path
    victims: Sequence[Victim]
    kills: int
    progress: Callable[[], int]
    """How much is fetched so far."""
    step: int
    """The next kill is due when so much more is fetched: so they spread over the whole run."""
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    left_behind: list[str] = field(default_factory=list)
    """Processes that outlived their dead driver by more than `PATIENCE` seconds."""
    _seen: dict[int, psutil.Process] = field(default_factory=dict)
    _looked_at: float = 0.0

    def run(self) -> None:
        """Starts the command again and again until it ends well. Raises WorkError if it never does.

        A driver that ends with exit code 1 lost too many workers: a user would run it again.
        """
        while self.starts < MAX_STARTS:
            self.starts += 1
            with self.log.open("ab") as log:
                process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            try:
                code = self._watch(process)
            finally:
                self._end(process)
            if code == 0:
                return
            if code == 2:
                break
        raise WorkError(f"the crawl did not come to its end; see {self.log}")

    def _watch(self, process: subprocess.Popen[bytes]) -> int:
        before = self.progress()
        self._seen.clear()
        while process.poll() is None:
            time.sleep(0.05)
            self._look(process)
            due = self.step * (self.done.total() + 1)
            if self.done.total() < self.kills and self.progress() >= max(due, before + 1):
                before = self.progress() if self._kill(process) else before
        return process.returncode

    def _look(self, process: subprocess.Popen[bytes]) -> None:
        """Notes which processes there are; once a second, because it is slow."""
        if time.monotonic() - self._looked_at >= 1:
            self._looked_at = time.monotonic()
            self._seen |= {one.pid: one for one in descendants(process.pid)}

    def _kill(self, process: subprocess.Popen[bytes]) -> bool:
        """False when there is no such victim just now, as while a worker is being replaced."""
        victim = self.victims[self.done.total() % len(self.victims)]
        found = self._find(process, victim)
        if not found:
            return False
        with suppress(psutil.NoSuchProcess):
            self.chance.choice(found).kill()
            self.done[victim] += 1
            return True
        return False

    def _find(self, process: subprocess.Popen[bytes], victim: Victim) -> list[psutil.Process]:
        if victim is Victim.DRIVER:
            return [psutil.Process(process.pid)]
        return [one for one in descendants(process.pid) if _is(one, victim)]

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Gives what a dead driver leaves behind the time to end by itself, then sees to it."""
        if process.poll() is None:
            process.kill()
            process.wait()
        ends_at = time.monotonic() + PATIENCE
        while (left := self._left()) and time.monotonic() < ends_at:
            time.sleep(0.1)
        for one, words in left:
            self.left_behind.append(words)
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def _left(self) -> list[tuple[psutil.Process, str]]:
        """What still runs of all that was seen, with its command line."""
        left = []
        for one in self._seen.values():
            with suppress(psutil.Error):
                words = " ".join(one.cmdline())[:160].strip()
                if one.is_running() and any(word in words for word in OURS):
                    left.append((one, words))
        return left


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _is(process: psutil.Process, victim: Victim) -> bool:
    try:
        if victim is Victim.WORKER:
            return "".join(process.cmdline()).startswith(ACTOR)
        is_browser = any(name in process.name() for name in BROWSERS)
        # The browser itself, not one of its renderers: those are what a page crash is.
        return is_browser and not any("--type=" in word for word in process.cmdline())
    except psutil.Error:
        return False


def lostfound(*arguments: str) -> list[str]:
    """The command line of a verb, in this interpreter."""
    program = "import sys, lostfound; lostfound.main(sys.argv[1:])"
    return [sys.executable, "-c", program, *arguments]
