"""Single player: five rounds of a game of one's own, each with its coordinates.

consent → sign in → start, adopt or resume a game → claim it → for each round: load, photograph,
hold, guess, read the answer, commit → next → what is left comes from the results.
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
from crawler.game.steps import Steps, Stop, is_place
from crawler.reasons import FailReason

LOBBY_TRIES = 5
GUESS_TRIES = 3
_ROUND_PAGE = (Marker.NOT_FOUND, Marker.ANSWER, Marker.ROUND, Marker.FINISHED)
_RETRIED = frozenset({FailReason.ROUND, FailReason.NO_PICTURE, FailReason.SERVER_ERROR})


async def play(driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> Outcome:
    """Plays `options.game`, or another or a new game, on a page that shows the lobby."""
    return await Singleplayer(driver, clock, sink, options).outcome()


class Singleplayer(Steps):
    """One game in progress."""

    async def run(self) -> None:
        await self.sign_in()
        self.enter("starting a game", FailReason.START)
        await (self.resume(self.options.game) if self.options.game else self._find_game())
        await self.finish()
        await self.recover()

    async def resume(self, game: str) -> None:
        self.game = game
        await self.open_game()

    async def _find_game(self) -> None:
        """Adopts a game that was dealt but belongs to no task, else has a new one dealt."""
        for _ in range(LOBBY_TRIES):
            for ongoing in await self.driver.ongoing_games(self.limits.open):
                if self.sink.claim(ongoing):
                    return await self.resume(ongoing)
            await self.driver.start_game(self.limits.start)
            await self.see((Marker.GAME,), self.limits.start, here=True)
            game = await self.driver.game_id()
            if self.sink.claim(game):
                self.game = game
                return None
            await self.driver.open_lobby(self.limits.open)
            await self.see((Marker.SIGNED_IN,), self.limits.open)
        raise Stop(FailReason.DUPLICATE, "every game belongs to another task")

    async def finish(self) -> None:
        """Plays on until every round is committed or the game is over.

        A round in which something does not come in time is begun again once, by a reload.
        """
        self.enter("playing", FailReason.ROUND, self.open_game)
        reloaded = False
        while self.missing():
            self.check_time(self.limits.game)
            try:
                if await self._round(first=not reloaded):
                    return
                reloaded = False
            except (DriverTimeoutError, Stop) as error:
                if reloaded or (isinstance(error, Stop) and error.reason not in _RETRIED):
                    raise
                reloaded = True
                await self.open_game()

    async def _round(self, *, first: bool) -> bool:
        """One round, or what is left of it; True when the game is over."""
        seen = await self._round_page()
        if seen is Marker.FINISHED:
            return True
        number = await self.driver.round_number(self.limits.round)
        if seen is Marker.ROUND:
            if not self.sink.committed(self.game, number):
                await self._photograph(number, first=first)
            await self._guess()
            await self.see((Marker.ANSWER,), self.limits.answer, here=True)
        await self._record(number)
        if self.missing():
            await self.driver.next_round(self.limits.round)
        return False

    async def _photograph(self, number: int, *, first: bool) -> None:
        """Holds the picture. One of a single colour may only not be drawn yet: once more, then."""
        picture = await self.capture(Marker.ROUND)
        if picture.blank and first:
            raise Stop(FailReason.NO_PICTURE, f"{self.doing}: nothing is drawn")
        self.sink.hold(self.game, number, picture)

    async def _guess(self) -> None:
        """In short tries: between them a banner that covers the map is cleared away."""
        left = GUESS_TRIES
        while True:
            left -= 1
            try:
                return await self.driver.guess(self.limits.guess / GUESS_TRIES)
            except DriverTimeoutError:
                if await self.glance((Marker.ANSWER,), 0) is not None:
                    return None
                if not left:
                    raise

    async def _round_page(self) -> Marker:
        seen = await self.glance(_ROUND_PAGE, self.limits.round)
        if seen is None:
            loading = await self.glance((Marker.LOADING,), 0) is not None
            reason = FailReason.NO_PICTURE if loading else FailReason.ROUND
            raise Stop(reason, f"{self.doing}: no picture in {self.limits.round:g} s")
        if seen is Marker.NOT_FOUND:
            raise Stop(FailReason.NOT_FOUND, f"the site does not know the game {self.game}")
        return seen

    async def _record(self, number: int) -> None:
        """Commits a round whose answer the page shows; an unreadable one waits for the results."""
        picture = self.waiting(number)
        if picture is None:
            return
        try:
            link = await self.driver.read_answer(self.limits.answer)
        except DriverTimeoutError:
            return
        if is_place(link):
            self.sink.commit(self.game, number, picture, Answer(link=link))
