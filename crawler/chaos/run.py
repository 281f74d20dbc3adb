"""`lostfound bench chaos`: a crawl that is killed again and again, and plain Scrapy beside it.

2,000 tasks: lists of pictures that two workers download, and games that a worker plays in a real
browser. Drivers, workers and browsers are killed with `kill -9` at random moments, and a dead
driver is started again by the same command. The servers know what there was to fetch.
"""

import csv
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.chaos.killer import Killer, Victim, lostfound
from crawler.chaos.server import counting_server
from crawler.crawl import count_captures
from crawler.playground.game import ROUNDS
from crawler.playground.server import start_in_thread
from crawler.playground.world import WorldConfig
from crawler.urls.rows import url_key
from shards.console import print_line
from shards.layout import DatasetLayout
from shards.segment import read_segment

GAME_SHARE = 0.03
"""Of all tasks: a game takes as long as fifty pictures."""
GAME_KILL_SHARE = 0.4
LIST_VICTIMS = (Victim.DRIVER, Victim.WORKER)
GAME_VICTIMS = (Victim.BROWSER, Victim.WORKER, Victim.BROWSER, Victim.DRIVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a run should have fetched, against what it did fetch."""

    expected: int
    captured: int
    """Different ones."""
    duplicated: int
    kills: Counter[str]
    left_behind: Sequence[str] = ()

    @property
    def lost(self) -> int:
        return self.expected - self.captured

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(
            expected=self.expected + other.expected,
            captured=self.captured + other.captured,
            duplicated=self.duplicated + other.duplicated,
            kills=self.kills + other.kills,
            left_behind=[*self.left_behind, *other.left_behind],
        )


def bench_chaos(*, kills: int = 50, tasks: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Runs both, and returns what each lost. The ratio is that of the captured shares."""
    games = max(1, round(tasks * GAME_SHARE))
    items = max(1, tasks - games)
    game_kills = round(kills * GAME_KILL_SHARE)
    chance = random.Random(seed)  # noqa: S311 - which process dies is no secret
    with tempfile.TemporaryDirectory(prefix="lostfound-chaos-") as folder:
        root = Path(folder)
        print_line(f"chaos: {items} lists of one picture, {kills - game_kills} kills")
        lists = chaos_list(root / "list", items, kills - game_kills, chance)
        game_kills = kills - lists.kills.total()
        print_line(f"chaos: {lists}; now {games} games, {game_kills} kills")
        played = chaos_game(root / "game", games, game_kills, chance)
        print_line(f"chaos: {played}; now plain Scrapy with JOBDIR")
        plain = chaos_plain_scrapy(root / "plain", items, kills, chance)
    ours = lists + played
    share, plain_share = ours.captured / ours.expected, plain.captured / plain.expected
    return {
        "name": "chaos",
        "ours": round(share, 4),
        "baseline": round(plain_share, 4),
        "ratio": round(share / plain_share, 3) if plain_share else None,
        "unit": "share of what was served that is captured",
        "cpus": os.cpu_count(),
        "tasks": items + games,
        "kills": ours.kills.total(),
        "killed": dict(ours.kills),
        "expected": ours.expected,
        "captured": ours.captured,
        "lost": ours.lost,
        "duplicated": ours.duplicated,
        "processes_left_behind": ours.left_behind,
        "plain_scrapy": {
            "kills": plain.kills.total(),
            "expected": plain.expected,
            "captured": plain.captured,
            "lost": plain.lost,
            "duplicated": plain.duplicated,
        },
    }


def chaos_list(folder: Path, items: int, kills: int, chance: random.Random) -> Loss:
    """A list of URLs, one task for each."""
    folder.mkdir(parents=True)
    dataset = DatasetLayout(folder / "dataset")
    with counting_server(items) as server:
        table = folder / "list.csv"
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("url", "lat", "lon"))
            writer.writerows((url, 50, 10) for url in server.urls())
        command = ["crawl", "urls", str(table), "--out", str(dataset.root), "--workers", "2"]
        killer = Killer(
            command=lostfound(
                *command, "--rows-per-task", "1", "--connections", "4", "--allow-private"
            ),
            log=folder / "log",
            victims=LIST_VICTIMS,
            kills=kills,
            progress=lambda: count_captures(dataset.raw_source("urls")),
            step=max(1, items // (kills + 2)),
            chance=chance,
        )
        killer.run()
        return _loss(dataset, {url_key(url) for url in server.urls()}, killer)


def chaos_game(folder: Path, games: int, kills: int, chance: random.Random) -> Loss:
    """Games in a real browser."""
    folder.mkdir(parents=True)
    dataset = DatasetLayout(folder / "dataset")
    world = WorldConfig(seed=1, countries=12)
    with start_in_thread(world) as server:
        command = ["crawl", "game", "--url", server.url, "--out", str(dataset.root)]
        killer = Killer(
            command=lostfound(*command, "--games", str(games), "--workers", "1"),
            log=folder / "log",
            victims=GAME_VICTIMS,
            kills=kills,
            progress=lambda: count_captures(dataset.raw_source("geoguessr")),
            step=max(1, games * ROUNDS // (kills + 2)),
            chance=chance,
        )
        killer.run()
        keys = (f"geoguessr-{game}-{n + 1}" for game in server.book.games for n in range(ROUNDS))
        return _loss(dataset, set(keys), killer)


def chaos_plain_scrapy(folder: Path, items: int, kills: int, chance: random.Random) -> Loss:
    """The same pictures by Scrapy's own resume. It says itself when it has finished."""
    folder.mkdir(parents=True)
    lines = folder / "items.jsonl"
    with counting_server(items) as server:
        killer = Killer(
            command=[
                *(sys.executable, "-m", "crawler.chaos.plain_scrapy"),
                *(f"{server.url}/", str(folder)),
            ],
            log=folder / "log",
            victims=(Victim.DRIVER,),
            kills=kills,
            progress=lambda: lines.read_bytes().count(b"\n") if lines.exists() else 0,
            step=max(1, items // (kills + 2)),
            chance=chance,
        )
        killer.run()
    found = lines.read_text().splitlines() if lines.exists() else []
    return _counted(items, found, killer)


def _loss(dataset: DatasetLayout, expected: set[str], killer: Killer) -> Loss:
    keys = [sample.key for path in dataset.sealed_segments() for sample in read_segment(path)]
    stray = set(keys) - expected
    assert not stray, f"captures that nobody served: {sorted(stray)[:3]}"
    return _counted(len(expected), keys, killer)


def _counted(expected: int, found: Iterable[str], killer: Killer) -> Loss:
    counts = Counter(found)
    return Loss(
        expected=expected,
        captured=len(counts),
        duplicated=counts.total() - len(counts),
        kills=killer.done,
        left_behind=killer.left_behind,
    )
