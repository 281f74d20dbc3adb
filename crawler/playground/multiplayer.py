"""The rules of the game against others: guess the country; who misses is out and may watch.

A match runs by the clock alone: start, then rounds with pauses between them, then the end. What
the bots do follows from the world's seed. No HTTP in here; the time is an argument.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from crawler.playground.game import NoSuchGame, WrongRound
from crawler.playground.names import labels
from crawler.playground.world import Round, World, uniform

MIN_ROUNDS, MAX_ROUNDS = 4, 7
MAX_PLAYERS = 10
BOT_HIT_SHARE = 0.8
_NAMES = (
    "Amina Bruno Chiara Dmitri Esi Farid Greta Hana Ivo Jonas Kaveh Lina Mateo Nadia Otto Priya"
    " Quentin Rosa Sefa Tala Uma Viktor Wanja Xenia Yusuf Zoé"
)
BOT_NAMES = tuple(_NAMES.split())


class Phase(StrEnum):
    """Where a match is."""

    STARTING = "starting"
    ROUND = "round"
    ANSWER = "answer"
    """Between two rounds: the last answer stands there."""
    OVER = "over"


@dataclass(frozen=True)
class Pace:
    """Seconds: before the first round, of a round, and between two rounds."""

    start: float = 8.0
    round: float = 20.0
    pause: float = 6.0


@dataclass(frozen=True)
class Moment:
    """The phase at some time, its round (1 to the last; 0 before the first), its seconds left."""

    phase: Phase
    round: int
    left: float

    @property
    def answered(self) -> int:
        """How many rounds are over."""
        return self.round - 1 if self.phase is Phase.ROUND else self.round


@dataclass(frozen=True)
class CountryGuess:
    """Who guessed which country, and how many seconds after the round's begin."""

    player: str
    country: str
    after: float


@dataclass(frozen=True)
class Bot:
    """A player that the server plays."""

    id: str
    name: str


@dataclass
class Match:
    """One game of several players. `number` counts all matches of the server from 0."""

    id: str
    number: int
    opened_at: float
    """Seconds since the epoch."""
    pace: Pace
    rounds: list[Round]
    bots: list[Bot]
    bot_guesses: list[list[CountryGuess]]
    """Of each round, in order of time."""
    players: dict[str, dict[int, CountryGuess]] = field(default_factory=dict)
    """The people who joined, and their guess in each round."""

    def moment(self, now: float) -> Moment:
        """Where the match is at a time."""
        since = now - self.opened_at - self.pace.start
        if since < 0:
            return Moment(Phase.STARTING, 0, -since)
        period = self.pace.round + self.pace.pause
        number, since = int(since // period) + 1, since % period
        last = len(self.rounds)
        if number > last or (number == last and since >= self.pace.round):
            return Moment(Phase.OVER, last, 0.0)
        if since < self.pace.round:
            return Moment(Phase.ROUND, number, self.pace.round - since)
        return Moment(Phase.ANSWER, number, period - since)

    def country(self, number: int) -> str:
        """The right answer of a round."""
        return self.rounds[number - 1].place.country

    def right(self, guess: CountryGuess, number: int) -> bool:
        return guess.country == self.country(number)

    def guesses(self, number: int, now: float) -> list[CountryGuess]:
        """The guesses of a round so far, in order of time."""
        began = self.began(number)
        own = [guesses[number] for guesses in self.players.values() if number in guesses]
        everyone = [*self.bot_guesses[number - 1], *own]
        made = [guess for guess in everyone if guess.after <= now - began]
        return sorted(made, key=lambda guess: (guess.after, guess.player))

    def began(self, number: int) -> float:
        """When a round begins, in seconds since the epoch."""
        period = self.pace.round + self.pace.pause
        return self.opened_at + self.pace.start + (number - 1) * period

    def still_in(self, player: str, moment: Moment) -> bool:
        """Whether a player has missed no round yet; in a running round a miss counts at once."""
        guesses = self.players[player]
        for number in range(1, moment.answered + 1):
            if number not in guesses or not self.right(guesses[number], number):
                return False
        guess = guesses.get(moment.round)
        return guess is None or self.right(guess, moment.round)


class Matches:
    """All matches of one server. The n-th one has always the same id, places and bots."""

    def __init__(self, world: World, pace: Pace | None = None) -> None:
        self.world = world
        self.pace = pace or Pace()
        self.matches: dict[str, Match] = {}
        self._rounds_dealt = 0

    def join(self, player: str, now: float, *, again: bool = False) -> Match:
        """A match for `player`: one that others wait for, else a new one.

        `again` offers the newest match that is not over, even one that the player is in already.
        """
        for match in reversed(self.matches.values()):
            phase = match.moment(now).phase
            waiting = phase is Phase.STARTING and player not in match.players
            if waiting or (again and phase is not Phase.OVER):
                match.players.setdefault(player, {})
                return match
        match = self._open(now)
        match.players[player] = {}
        return match

    def match(self, match_id: str) -> Match:
        """Raises NoSuchGame."""
        if match_id not in self.matches:
            raise NoSuchGame(match_id)
        return self.matches[match_id]

    def guess(self, match: Match, player: str, number: int, country: str, now: float) -> bool:
        """Records a guess of the running round; True when it is right. The first one counts.

        Raises WrongRound when that round does not run or the player is not in it, ValueError for
        a country that nobody knows.
        """
        if country not in labels():
            raise ValueError(f"no country: {country}")
        moment = match.moment(now)
        if moment.phase is not Phase.ROUND or number != moment.round:
            raise WrongRound(number)
        if player not in match.players:
            raise WrongRound(number)
        known = match.players[player].get(number)
        if known is None:
            if not match.still_in(player, moment):
                raise WrongRound(number)
            known = CountryGuess(player, country, round(now - match.began(number), 3))
            match.players[player][number] = known
        return match.right(known, number)

    def to_state(self) -> list[dict[str, Any]]:
        """What a restart needs: plain JSON data."""
        return [
            {
                "opened_at": match.opened_at,
                "pace": asdict(match.pace),
                "players": {
                    player: {str(number): asdict(guess) for number, guess in guesses.items()}
                    for player, guesses in match.players.items()
                },
            }
            for match in self.matches.values()
        ]

    def load(self, state: list[dict[str, Any]]) -> None:
        """Takes back what `to_state` described."""
        for saved in state:
            match = self._open(saved["opened_at"], Pace(**saved["pace"]))
            for player, guesses in saved["players"].items():
                match.players[player] = {
                    int(number): CountryGuess(**guess) for number, guess in guesses.items()
                }

    def _open(self, now: float, pace: Pace | None = None) -> Match:
        number = len(self.matches)
        identity = f"{self.world.config.identity()}:match:{number}"
        match_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
        rounds = self._rounds(number)
        bots = _bots(identity)
        pace = pace or self.pace
        guesses = _bot_guesses(identity, rounds, bots, pace.round, self._wrong_answers())
        match = Match(match_id, number, now, pace, rounds, bots, guesses)
        self.matches[match_id] = match
        return match

    def _rounds(self, number: int) -> list[Round]:
        seed = self.world.config.seed
        count = MIN_ROUNDS + int(uniform(seed, "rounds", number) * (MAX_ROUNDS - MIN_ROUNDS + 1))
        first, self._rounds_dealt = self._rounds_dealt, self._rounds_dealt + count
        return [self.world.even_round(first + index) for index in range(count)]

    def _wrong_answers(self) -> list[str]:
        """What bots know: the world's countries, or all where those are too few to be wrong."""
        known = self.world.countries if len(self.world.countries) > 1 else labels()
        return sorted(known)


def _bots(identity: str) -> list[Bot]:
    """Three to nine of them."""
    count = 3 + int(uniform(0, identity, "bots") * (MAX_PLAYERS - 3))
    names = sorted(BOT_NAMES, key=lambda name: uniform(0, identity, name))[:count]
    return [Bot(hashlib.sha256(name.encode()).hexdigest()[:12], name) for name in names]


def _bot_guesses(
    identity: str, rounds: list[Round], bots: list[Bot], seconds: float, known: list[str]
) -> list[list[CountryGuess]]:
    """The first bot is never wrong, so that somebody is left; the others are out when they are."""
    left, result = list(bots), []
    for index, dealt in enumerate(rounds):
        guesses = []
        for bot in left:
            dice = (identity, index, bot.id)
            country = dealt.place.country
            if bot is not bots[0] and uniform(0, *dice, "hit") >= BOT_HIT_SHARE:
                others = [code for code in known if code != country]
                country = others[int(uniform(0, *dice, "miss") * len(others))]
            share = 0.2 + 0.7 * uniform(0, *dice, "when")
            guesses.append(CountryGuess(bot.id, country, round(share * seconds, 3)))
        right = {guess.player for guess in guesses if guess.country == dealt.place.country}
        left = [bot for bot in left if bot.id in right]
        result.append(sorted(guesses, key=lambda guess: (guess.after, guess.player)))
    return result
