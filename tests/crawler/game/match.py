"""A match on paper: screens that follow one another as time passes, whatever the player does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crawler.game.port import Account, Answer, DriverTimeoutError, Picture, Refusal, Verdict
from crawler.game.site import Marker
from tests.crawler.game.scripted import WHEN, FakeClock

SENTENCE = "The right answer was {}. 3 of 7 players knew it."


@dataclass(frozen=True)
class Screen:
    """What the page shows for `seconds`."""

    shows: frozenset[Marker]
    number: int = 0
    country: str = ""
    seconds: float = 10


def screen(*shows: Marker, number: int = 0, country: str = "", seconds: float = 10) -> Screen:
    return Screen(frozenset(shows), number, country, seconds)


def rounds(*countries: str) -> list[Screen]:
    """A match that is watched from its first round on."""
    screens = [screen(Marker.WAITING)]
    for number, country in enumerate(countries, 1):
        last = number == len(countries)
        screens.append(screen(Marker.LOADING, number=number, seconds=1))
        screens.append(screen(Marker.PICTURE, number=number))
        end = (Marker.OVER,) if last else ()
        screens.append(screen(Marker.VERDICT, *end, number=number, country=country))
    return screens


class MatchDriver:
    """A page of the match. `plan` maps a verb to what its next calls do instead."""

    def __init__(self, clock: FakeClock, screens: Sequence[Screen], **plan: Sequence[Any]) -> None:
        self.clock = clock
        self.screens = list(screens)
        self.plan = {verb: list(steps) for verb, steps in plan.items()}
        self.calls: list[str] = []
        self.inside = False
        self.out = False
        self.refusal: Refusal | None = None
        self.results: dict[int, str] | None = None
        self._page = Marker.SIGNED_IN
        self._began = clock.time

    def _step(self, verb: str) -> Any:
        self.calls.append(verb)
        steps = self.plan.get(verb)
        step = steps.pop(0) if steps else None
        if isinstance(step, Exception):
            raise step
        return step

    @property
    def now(self) -> Screen:
        """The screen of this moment; the last one stays."""
        passed = self.clock.time - self._began
        for each in self.screens:
            if passed < each.seconds:
                return each
            passed -= each.seconds
        return self.screens[-1]

    def _shows(self, marker: Marker) -> bool:
        if not self.inside:
            return marker is self._page
        if marker is Marker.GAME:
            return True
        shown = self.now.shows
        if marker is Marker.SPECTATE:
            return self.out and not shown & {Marker.OVER, Marker.WAITING}
        return marker in shown

    async def see(self, wanted: Sequence[Marker], seconds: float) -> Marker | None:
        step = self._step("see")
        if isinstance(step, Marker):
            return step
        ends_at = self.clock.time + seconds
        while True:
            found = next((marker for marker in wanted if self._shows(marker)), None)
            if found is not None or self.clock.time >= ends_at:
                return found
            self.clock.time += min(0.5, ends_at - self.clock.time)

    async def accept_consent(self, seconds: float) -> None:
        self._step("accept_consent")

    async def sign_in(self, account: Account, seconds: float) -> None:
        self._step("sign_in")

    async def open_lobby(self, seconds: float) -> None:
        self._step("open_lobby")
        self.inside, self._page = False, Marker.SIGNED_IN

    async def open_game(self, game: str, seconds: float) -> None:
        self._step("open_game")
        self._enter()

    async def open_results(self, game: str, seconds: float) -> None:
        self._step("open_results")
        self.inside = False
        self._page = Marker.NOT_FOUND if self.results is None else Marker.FINISHED

    async def ongoing_games(self, seconds: float) -> list[str]:
        raise AssertionError("a match is joined, not looked for")

    async def past_games(self, seconds: float) -> list[str]:
        raise AssertionError("a match is joined, not looked for")

    async def start_game(self, seconds: float) -> None:
        self._step("start_game")
        self._enter()

    def _enter(self) -> None:
        if not self.inside and "start_game" not in self.calls[:-1]:
            self._began = self.clock.time
        self.inside = True

    async def game_id(self) -> str:
        return "m"

    async def round_number(self, seconds: float) -> int:
        step = self._step("round_number")
        if not self.now.number:
            raise DriverTimeoutError("no label")
        return self.now.number if step is None else int(step)

    async def capture(self, seconds: float) -> Picture:
        step = self._step("capture")
        image = f"m/{self.now.number}".encode()
        self.clock.time += step if isinstance(step, int) else 0
        return Picture(image, "jpg", WHEN, covered=step == "covered", blank=step == "blank")

    async def guess(self, seconds: float) -> None:
        step = self._step("guess")
        self.out = step != "right"

    async def spectate(self, seconds: float) -> None:
        self._step("spectate")
        self.out = False

    async def read_verdict(self, seconds: float) -> Verdict:
        self._step("read_verdict")
        now = self.now
        if Marker.VERDICT not in now.shows:
            raise DriverTimeoutError("no sentence")
        answer = Answer(sentence=SENTENCE.format(now.country), players=7, wrong_guesses=("Chad",))
        return Verdict(number=now.number, answer=answer)

    async def read_answer(self, seconds: float) -> str:
        raise AssertionError("a match has no marker")

    async def next_round(self, seconds: float) -> None:
        raise AssertionError("a match goes on by itself")

    async def read_results(self, seconds: float) -> dict[int, str]:
        self._step("read_results")
        return self.results or {}
