"""Multiplayer: a match against others, watched to its end for pictures and countries.

consent → sign in → join a match → claim it → for each round: photograph, hold; guess once, or not
at all, then only watch; read the country from the sentence, commit → until the match is over.
Here the clock is the site's: a round that passes while nobody looks is missing, not an error.
"""

from crawler.game.port import (
    Answer,
    Clock,
    DriverTimeoutError,
    GameDriver,
    Options,
    Outcome,
    Sink,
)
from crawler.game.site import Marker
from crawler.game.steps import Steps, Stop
from crawler.reasons import FailReason

_STATES = (
    Marker.VERDICT,
    Marker.OVER,
    Marker.SPECTATE,
    Marker.PICTURE,
    Marker.LOADING,
    Marker.WAITING,
)
GLANCE = 1.0
"""Seconds after which a page that still shows the same is asked whether it is the same round."""
TROUBLES = 3
"""So many in a row end the task; fewer cost a round, and are told."""


async def spectate(driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> Outcome:
    """Joins a match, or goes on with `options.game`, on a page that shows the lobby."""
    return await Multiplayer(driver, clock, sink, options).outcome()


class Multiplayer(Steps):
    """One match in progress. How many rounds it has shows only when it is over."""

    def __init__(self, driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> None:
        super().__init__(driver, clock, sink, options)
        self.numbers = ()
        self._number = 0
        self._may_guess = options.guess
        self._states = list(_STATES)
        self._reloaded: set[int] = set()
        self._troubles = 0

    async def run(self) -> None:
        await self.sign_in()
        self.enter("joining a match", FailReason.START)
        await (self._follow() if self.options.game else self._join())
        self.enter("watching", FailReason.ROUND, self.open_game)
        await self._watch()
        await self._settle()

    async def _join(self) -> None:
        await self.driver.start_game(self.limits.start)
        await self.see((Marker.GAME,), self.limits.start, here=True)
        self._claim(await self.driver.game_id())

    async def _follow(self) -> None:
        self._claim(self.options.game)
        await self.open_game()

    def _claim(self, game: str) -> None:
        """A match that another task has is left: two pages of it give no more than one."""
        if not self.sink.claim(game):
            raise Stop(FailReason.DUPLICATE, f"the match {game} belongs to another task")
        self.game = game

    async def _watch(self) -> None:
        """Does what the page asks for, until the match is over."""
        seen = await self.see((Marker.NOT_FOUND, *_STATES), self.limits.open)
        if seen is Marker.NOT_FOUND:
            raise Stop(FailReason.NOT_FOUND, f"the site does not know the match {self.game}")
        while seen is not Marker.OVER:
            self.check_time(self.limits.match)
            try:
                await self._act(seen)
                seen = await self._next(seen)
            except DriverTimeoutError as error:
                self._trouble(error)
        # The last answer may have come with the end, after one that was still looked at.
        if await self.glance((Marker.VERDICT,), 0) is not None:
            await self._record()

    def _trouble(self, error: DriverTimeoutError) -> None:
        self._troubles += 1
        if self._troubles >= TROUBLES:
            raise error
        self.notes.append(f"round {self._number}: {error}")

    async def _act(self, seen: Marker) -> None:
        if seen is Marker.VERDICT:
            await self._record()
        elif seen is Marker.PICTURE:
            await self._photograph()
        elif seen is Marker.SPECTATE:
            self._may_guess = False
            self._states.remove(Marker.SPECTATE)
            await self.driver.spectate(self.limits.guess)

    async def _next(self, seen: Marker) -> Marker:
        """What the page shows after `seen`; that may be the same again, of another round."""
        # An answer is left for what follows it; a countdown beside it says nothing new.
        same = (Marker.VERDICT, Marker.WAITING) if seen is Marker.VERDICT else (seen,)
        others = [state for state in self._states if state not in same]
        patience = self.limits.lobby if seen is Marker.WAITING else self.limits.verdict
        began_at = self.clock.monotonic()
        while self.clock.monotonic() - began_at <= patience:
            found = await self.glance(others, GLANCE)
            if found is not None:
                return found
            if seen is Marker.PICTURE and await self._round_number() != self._number:
                return seen
            late = self.clock.monotonic() - began_at > self.limits.capture
            if seen is Marker.LOADING and late:
                await self._reload_once(self._number + 1)
        reason = FailReason.NO_PICTURE if seen is Marker.LOADING else FailReason.ROUND
        raise Stop(reason, f"{self.doing}: only {seen} in {patience:g} s")

    async def _reload_once(self, number: int) -> bool:
        """For a picture that does not come; False when that was tried for this round."""
        if number in self._reloaded:
            return False
        self._reloaded.add(number)
        self._states = list(_STATES)
        await self.open_game()
        return True

    async def _round_number(self) -> int:
        return await self.driver.round_number(self.limits.round)

    async def _photograph(self) -> None:
        """Holds the round's picture, unless the round ended meanwhile; then guesses."""
        number = await self._round_number()
        self._meet(number)
        if self.sink.committed(self.game, number) or self.sink.held(self.game, number):
            return
        picture = await self.capture(Marker.PICTURE)
        if picture.blank and await self._reload_once(number):
            self._number = 0  # what is shown next counts as another round
            return
        still = await self.glance((Marker.PICTURE,), 0) is not None
        if still and await self._round_number() == number:
            self.sink.hold(self.game, number, picture)
            self._troubles = 0
            await self._guess()

    def _meet(self, number: int) -> None:
        self._number = number
        self.numbers = range(1, max(number, len(self.numbers)) + 1)

    async def _guess(self) -> None:
        """At most once: a miss only means to watch the rest."""
        if self._may_guess:
            self._may_guess = False
            await self.driver.guess(self.limits.guess)

    async def _record(self) -> None:
        """Commits the round that the page tells the answer of."""
        verdict = await self.driver.read_verdict(self.limits.answer)
        self._meet(verdict.number)
        self._troubles = 0
        picture = self.waiting(verdict.number)
        if picture is not None:
            self.sink.commit(self.game, verdict.number, picture, verdict.answer)

    async def _settle(self) -> None:
        """Rounds whose sentence nobody saw: the results may tell them, else they have no answer."""
        try:
            await self.recover()
        except Stop as stop:
            if stop.reason is not FailReason.ANSWER_MISSING:
                raise
            self.notes.append(stop.detail)
        for number in self.missing():
            picture = self.waiting(number)
            if picture is not None:
                self.sink.commit(self.game, number, picture, Answer())
