"""Whole crawls in every mode, with real workers, compared with what the server dealt.

They take minutes: `make chaos` runs them.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crawler.crawl import CrawlSummary
from crawler.game.crawl import crawl_game
from crawler.playground.faults import Faults
from crawler.playground.multiplayer import Pace
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from enrich.geo.countries import find_country
from shards.capture import Capture
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.segment import read_segment

GAMES, ROUNDS = 40, 5
WORLD = WorldConfig(seed=11, countries=40, bad_share=0.08)
PACE = Pace(start=6, round=10, pause=5)


def captures(dataset: DatasetLayout) -> dict[str, Capture]:
    """All of them, by `<game>/<round>`."""
    found: dict[str, Capture] = {}
    for path in dataset.sealed_segments():
        for sample in read_segment(path):
            assert sample.capture is not None
            assert sample.image_size > 0
            assert sample.capture.source_id not in found
            found[sample.capture.source_id] = sample.capture
    return found


def dealt(server: Server, capture: Capture) -> dict[str, Any]:
    return server.truth_of(capture.group_id)[int(capture.source_id.rpartition("/")[2]) - 1]


def right_places(server: Server, found: dict[str, Capture]) -> int:
    return sum(
        (float(each.lat), float(each.lon))
        == (dealt(server, each)["lat"], dealt(server, each)["lon"])
        for each in found.values()
        if each.lat
    )


def check_countries(server: Server, found: dict[str, Capture]) -> None:
    """The right one, but for answers that came and went while the machine was busy."""
    answered = [each for each in found.values() if each.country]
    assert len(answered) >= 0.6 * len(found)
    for each in answered:
        assert find_country(each.country) == dealt(server, each)["country"]


@pytest.mark.slow
def test_all_of_200_rounds_have_the_place_that_was_dealt(ray_cluster: None, tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    with start_in_thread(WORLD) as server:
        summary = crawl_game(dataset, url=server.url, games=GAMES, workers=1, pages=2)
        assert isinstance(summary, CrawlSummary)
        found = captures(dataset)
        assert len(found) == GAMES * ROUNDS
        assert right_places(server, found) == GAMES * ROUNDS
        assert Counter(each.group_id for each in found.values()) == dict.fromkeys(
            server.book.games, ROUNDS
        )


@pytest.mark.slow
def test_with_everything_going_wrong_all_rounds_have_their_place(
    ray_cluster: None, tmp_path: Path
) -> None:
    dataset = DatasetLayout(tmp_path)
    faults = Faults(
        rate_limit=0.1,
        banner_in_round=0.3,
        banner_other=0.5,
        expired_login=0.02,
        slow_picture=0.05,
        blank_picture=0.03,
        crash=0.02,
        server_error=0.01,
        slow_seconds=2,
    )
    games = 16
    with start_in_thread(WORLD, faults=faults) as server:
        for _ in range(3):
            summary = crawl_game(dataset, url=server.url, games=games, workers=1, pages=2)
            if not summary.tasks_failed:
                break
        found = captures(dataset)
        assert (summary.tasks, len(found)) == (games, games * ROUNDS), summary
        assert right_places(server, found) == games * ROUNDS
        # A worker's second page may have asked before the first one was told to wait.
        early = max(server.log.early.values(), default=0)
        assert early <= 1, "games were asked for before Retry-After was over"


@pytest.mark.slow
def test_matches_give_countries(ray_cluster: None, tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    with start_in_thread(WORLD, pace=PACE, faults=Faults(same_game=0.3)) as server:
        summary = crawl_game(
            dataset, url=server.url, mode="multiplayer", games=4, workers=2, pages=1
        )
        assert summary.source == "geoguessr-multiplayer"
        found = captures(dataset)
        assert summary.captures == len(found) >= 8
        check_countries(server, found)
        assert right_places(server, found) == sum(bool(each.lat) for each in found.values())
        again = crawl_game(dataset, url=server.url, mode="multiplayer", games=4, workers=1, pages=1)
        assert again.new_captures == 0


@pytest.mark.slow
def test_results_of_all_games_that_the_site_lists(ray_cluster: None, tmp_path: Path) -> None:
    dataset = DatasetLayout(tmp_path)
    with start_in_thread(WORLD) as server:
        server.add_past_games(2, 3)  # 0, 1 and 2 rounds of these are played
        summary = crawl_game(dataset, url=server.url, mode="results", workers=1, pages=2)
        found = captures(dataset)
        assert (summary.tasks, summary.tasks_failed) == (6, 0)
        assert len(found) == 5 + 4 + 3
        assert right_places(server, found) == len(found)
        assert all(game.finished for game in server.book.games.values())
        again = crawl_game(dataset, url=server.url, mode="results", workers=1, pages=2)
        assert (again.new_captures, again.tasks_failed) == (0, 0)


@pytest.mark.slow
def test_a_match_is_shadowed_into_a_folder(ray_cluster: None, tmp_path: Path) -> None:
    dataset, pictures = DatasetLayout(tmp_path / "data"), tmp_path / "pictures"
    with start_in_thread(WORLD, pace=Pace(start=40, round=10, pause=5)) as server:
        match = server.matches.join("somebody", server.clock())
        summary = crawl_game(
            dataset,
            url=server.url,
            mode="shadow",
            named=[f"{server.url}/battle-royale/{match.id}"],
            pictures=pictures,
            workers=1,
            pages=1,
        )
        assert summary.tasks_failed == 0
        found = captures(dataset)
        assert {path.name for path in pictures.iterdir()} == {
            f"{match.id}-{json.loads(each.extra)['round']}.jpg" for each in found.values()
        }
        assert len(found) >= len(match.rounds) - 2
        check_countries(server, found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "multi"}, "known are singleplayer"),
        ({"mode": "shadow"}, "say which game"),
        ({"mode": "singleplayer", "named": ["abc"]}, "takes no --game"),
        ({"mode": "results", "named": ["abc", "http://x.test/"]}, "no id in it"),
    ],
)
def test_wrong_modes_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        crawl_game(DatasetLayout(tmp_path), url="http://127.0.0.1:1", workers=1, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_games(tmp_path: Path) -> None:
    from crawler.game.crawl import read_names

    path = tmp_path / "games.txt"
    path.write_text("abc\n\n http://x.test/results/def \n")
    assert read_names(path) == ["abc", "http://x.test/results/def"]
    for content in (b"\n", b"\xff"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"games\.txt"):
            read_names(path)
    with pytest.raises(UsageError, match="not a list of games"):
        read_names(tmp_path / "none")
