"""The rules of the game: dealing, guessing, scoring, results. No HTTP and no clock in here."""

import hashlib
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from crawler.playground.world import Round, World, uniform
from shards.errors import UsageError

ROUNDS = 5
MAX_SCORE = 5000
SCORE_SCALE_KM = 1492.7
EARTH_RADIUS_KM = 6371.0088


class NoSuchGame(Exception):  # noqa: N818 - an answer, not a failure
    """No game has this id, or it is another player's."""


class WrongRound(Exception):  # noqa: N818
    """A guess for a round that has not begun."""


@dataclass(frozen=True)
class Guess:
    """A pin in degrees, its distance from the place, and what it earned."""

    lat: float
    lon: float
    distance_km: float
    score: int


@dataclass
class Game:
    """Five rounds dealt to one player. `number` counts all games of the server from 0."""

    id: str
    number: int
    owner: str
    rounds: list[Round]
    guesses: list[Guess] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return len(self.guesses) == ROUNDS

    @property
    def score(self) -> int:
        return sum(guess.score for guess in self.guesses)


class Book:
    """All games of one server. The n-th one dealt has always the same id and the same places."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.games: dict[str, Game] = {}

    def deal(self, owner: str) -> Game:
        """A new game for `owner`."""
        return self._add(owner)

    def deal_again(self, owner: str) -> Game:
        """The newest game of `owner` that is not finished; a new one where there is none."""
        unfinished = [game for game in self.of(owner) if not game.finished]
        return unfinished[-1] if unfinished else self.deal(owner)

    def deal_past(self, owner: str, played: int = ROUNDS) -> Game:
        """A game that `owner` played before, up to `played` rounds, with pins from its dice."""
        game = self.deal(owner)
        for number in range(1, played + 1):
            dice = (self.world.config.seed, "past", game.number, number)
            lat, lon = 150 * uniform(*dice, "lat") - 70, 360 * uniform(*dice, "lon") - 180
            self.guess(game, number, round(lat, 4), round(lon, 4))
        return game

    def game(self, game_id: str, owner: str | None = None) -> Game:
        """One game; with `owner`, only if it is theirs. Raises NoSuchGame."""
        game = self.games.get(game_id)
        if game is None or owner not in (None, game.owner):
            raise NoSuchGame(game_id)
        return game

    def of(self, owner: str) -> list[Game]:
        """The games of one player, oldest first."""
        return [game for game in self.games.values() if game.owner == owner]

    def guess(self, game: Game, number: int, lat: float, lon: float) -> Guess:
        """Records the guess of round `number` (1 to 5).

        The first guess of a round counts: repeating the request returns it unchanged. Raises
        WrongRound for a round that has not begun, ValueError for coordinates off the globe.
        """
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise ValueError(f"no point on the globe: {lat}, {lon}")
        if not 1 <= number <= min(len(game.guesses) + 1, ROUNDS):
            raise WrongRound(number)
        if number > len(game.guesses):
            place = game.rounds[number - 1].place
            game.guesses.append(_scored(lat, lon, distance_km(lat, lon, place.lat, place.lon)))
        return game.guesses[number - 1]

    def to_state(self) -> dict[str, Any]:
        """What a restart needs: plain JSON data."""
        games = [
            {"owner": game.owner, "guesses": [asdict(guess) for guess in game.guesses]}
            for game in self.games.values()
        ]
        return {"world": self.world.config.identity(), "games": games}

    @classmethod
    def from_state(cls, world: World, state: dict[str, Any]) -> "Book":
        """The book that `to_state` described. Raises UsageError when it is of another world."""
        book = cls(world)
        if state.get("world") != world.config.identity():
            raise UsageError("this state belongs to another world: give its seed and options")
        for saved in state["games"]:
            book._add(saved["owner"]).guesses = [Guess(**guess) for guess in saved["guesses"]]
        return book

    def _add(self, owner: str) -> Game:
        number = len(self.games)
        identity = f"{self.world.config.identity()}:{number}"
        game_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
        rounds = [self.world.round(number * ROUNDS + index) for index in range(ROUNDS)]
        game = Game(game_id, number, owner, rounds)
        self.games[game_id] = game
        return game


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance on the mean sphere (haversine formula)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_phi, half_lambda = (phi2 - phi1) / 2, math.radians(lon2 - lon1) / 2
    h = math.sin(half_phi) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))


def points(km: float) -> int:
    """5000 · exp(-d / 1492.7 km), the score of the real game on its map of the world."""
    return round(MAX_SCORE * math.exp(-km / SCORE_SCALE_KM))


def _scored(lat: float, lon: float, km: float) -> Guess:
    return Guess(lat, lon, round(km, 3), points(km))
