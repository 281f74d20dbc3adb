"""Results: the places of games that were played before, and the end of those that were not.

consent → sign in → open the game's results → finish it first, if it was not → commit every
picture that is still held for it, with the place that the results tell. Without a game it only
lists the games that the site knows.

Nothing is captured or corrected a second time: a picture without its answer was never committed.
"""

from dataclasses import replace

from crawler.game.play import Singleplayer
from crawler.game.port import Clock, GameDriver, Options, Outcome, Sink
from crawler.game.site import Marker
from crawler.reasons import FailReason


async def read_again(driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> Outcome:
    """Reads the results of `options.game`; without one, lists the site's games in `found`."""
    state = Results(driver, clock, sink, options)
    outcome = await state.outcome()
    return replace(outcome, found=state.found)


class Results(Singleplayer):
    """One game, or the list of them."""

    found: tuple[str, ...] = ()

    async def run(self) -> None:
        await self.sign_in()
        await (self._read() if self.options.game else self._list())

    async def _list(self) -> None:
        self.enter("listing the games", FailReason.UNREACHABLE)
        past = await self.driver.past_games(self.limits.open)
        ongoing = await self.driver.ongoing_games(self.limits.open)
        self.found = tuple(dict.fromkeys((*ongoing, *past)))
        self.numbers = ()

    async def _read(self) -> None:
        """A game that another task has is left: that task reads its results itself."""
        self.game = self.options.game
        if not self.sink.claim(self.game):
            return
        self.enter("reading the results", FailReason.ANSWER_MISSING, self.open_results)
        if await self.results_page(FailReason.NOT_FOUND) is Marker.UNFINISHED:
            await self.open_game()
            await self.finish()
        await self.recover(FailReason.NOT_FOUND)
