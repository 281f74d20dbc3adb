"""The rules, with scores worked out by hand."""

import pytest

from crawler.playground.game import Book, NoSuchGame, WrongRound, distance_km, points
from crawler.playground.world import World, WorldConfig
from shards.errors import UsageError

CONFIG = WorldConfig(seed=4, countries=6)


@pytest.fixture(scope="module")
def world() -> World:
    return World(CONFIG)


@pytest.mark.parametrize(
    ("km", "score"),
    [(0, 5000), (1492.7, 1839), (2985.4, 677), (100, 4676), (20015, 0)],  # 5000, /e, /e², …
)
def test_scores(km: float, score: int) -> None:
    assert points(km) == score


def test_distances() -> None:
    assert distance_km(0, 0, 0, 90) == pytest.approx(10007.557, abs=0.01)
    assert distance_km(90, 0, -90, 0) == pytest.approx(20015.114, abs=0.01)
    assert distance_km(48.8566, 2.3522, 51.5074, -0.1278) == pytest.approx(343.6, abs=0.2)
    assert distance_km(0, 179.9, 0, -179.9) == pytest.approx(22.239, abs=0.01)


def test_the_nth_game_is_always_the_same(world: World) -> None:
    one, other = Book(world), Book(World(CONFIG))
    first = [one.deal("a"), one.deal("b"), one.deal("a")]
    second = [other.deal("x") for _ in range(3)]
    assert [game.id for game in first] == [game.id for game in second]
    assert [game.rounds for game in first] == [game.rounds for game in second]
    assert len({game.id for game in first}) == 3


def test_a_game_is_played_in_order_and_a_guess_counts_once(world: World) -> None:
    book = Book(world)
    game = book.deal("a")
    place = game.rounds[0].place
    with pytest.raises(WrongRound):
        book.guess(game, 2, 0, 0)
    assert book.guess(game, 1, place.lat, place.lon).score == 5000
    assert book.guess(game, 1, 0, 0).score == 5000
    for number in range(2, 6):
        book.guess(game, number, -60, 0)
    assert game.finished
    with pytest.raises(WrongRound):
        book.guess(game, 6, 0, 0)


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (0, 181), (float("nan"), 0)])
def test_a_guess_off_the_globe_is_refused(world: World, lat: float, lon: float) -> None:
    book = Book(world)
    with pytest.raises(ValueError, match="no point on the globe"):
        book.guess(book.deal("a"), 1, lat, lon)


def test_games_belong_to_their_player(world: World) -> None:
    book = Book(world)
    game = book.deal("a")
    assert book.game(game.id, "a") is game
    with pytest.raises(NoSuchGame):
        book.game(game.id, "b")


def test_a_book_comes_back_from_its_state(world: World) -> None:
    book = Book(world)
    game = book.deal("a")
    book.guess(game, 1, 10, 20)
    copy = Book.from_state(world, book.to_state())
    assert copy.games == book.games
    assert copy.deal("a").id == book.deal("a").id
    with pytest.raises(UsageError, match="another world"):
        Book.from_state(World(WorldConfig(seed=5, countries=6)), book.to_state())
