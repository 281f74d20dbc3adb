"""What every mode of the game does the same way: look, consent, sign in, photograph, recover.

A picture is held before anything is guessed, and it becomes a capture once, when its answer is
known or the page of results does not tell it. So a crash loses nothing, no capture is ever
corrected, and what is held without an answer is what the mode `results` reads again.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from crawler.game.pages import parse_map_link
from crawler.game.port import (
    Answer,
    Clock,
    DriverTimeoutError,
    GameDriver,
    Options,
    Outcome,
    PageGoneError,
    Picture,
    Sink,
)
from crawler.game.site import Marker
from crawler.reasons import FailReason

CONSENT_TRIES = 3
_BLAMED_ON_PAGE = (FailReason.NO_PICTURE, FailReason.SERVER_ERROR)
_REFUSALS = (FailReason.RATE_LIMITED, FailReason.SERVER_ERROR)
_IN_THE_WAY = (
    Marker.WALL,
    Marker.RATE_LIMITED,
    Marker.TROUBLE,
    Marker.SIGNED_OUT,
    Marker.CONSENT,
)
POLL = 0.3
"""Seconds between two looks at something that only looking again can tell."""


class Stop(Exception):  # noqa: N818 - an end, not always an error
    """Ends a task for a reason of the closed list."""

    def __init__(self, reason: FailReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Steps(ABC):
    """One task in progress. `doing` and `reason` say what a verb that times out now means."""

    def __init__(self, driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> None:
        self.driver = driver
        self.clock = clock
        self.sink = sink
        self.options = options
        self.limits = options.limits
        self.game = ""
        self.numbers: Sequence[int] = range(1, options.rounds + 1)
        self.doing = ""
        self.reason = FailReason.UNREACHABLE
        self.notes: list[str] = []
        """What went wrong without ending the task."""
        self.waited = 0.0
        """Seconds spent on waiting for room; they are not the game's fault."""
        self._consents = 0
        self._signed_in_again = False
        self._again: Callable[[], Awaitable[None]] = self._open_lobby
        self._began_at = clock.monotonic()

    @abstractmethod
    async def run(self) -> None:
        """The mode itself. Raises Stop, DriverTimeoutError or PageGoneError."""

    async def outcome(self) -> Outcome:
        """Runs to the end, whatever the end is."""
        reason, detail = None, ""
        try:
            await self.run()
            detail = "; ".join(self.notes)
        except Stop as stop:
            reason, detail = stop.reason, stop.detail
        except DriverTimeoutError as error:
            reason, detail = self.reason, f"{self.doing}: {error}"
        except PageGoneError as error:
            reason, detail = FailReason.BROWSER, f"{self.doing}: {error}"
        refusal = self.driver.refusal
        if refusal is not None and reason in (self.reason, *_BLAMED_ON_PAGE):
            rate = refusal.status == 429
            reason = FailReason.RATE_LIMITED if rate else FailReason.SERVER_ERROR
            detail = f"{detail} (the server answered {refusal.status})"
        waits = refusal is not None and reason in _REFUSALS
        return Outcome(
            game=self.game,
            committed=len(self.committed()),
            missing=self.missing() if reason is None else (),
            reason=reason,
            detail=detail,
            retry_after=refusal.retry_after if refusal is not None and waits else None,
        )

    def committed(self) -> tuple[int, ...]:
        if not self.game:
            return ()
        return tuple(n for n in self.numbers if self.sink.committed(self.game, n))

    def missing(self) -> tuple[int, ...]:
        return tuple(n for n in self.numbers if not self.sink.committed(self.game, n))

    def enter(
        self, doing: str, reason: FailReason, again: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Begins a state; `again` opens its page anew, for after an expired login."""
        self.doing, self.reason = doing, reason
        self._again = again or self._again

    def check_time(self, seconds: float) -> None:
        if self.clock.monotonic() - self._began_at - self.waited > seconds:
            raise Stop(FailReason.GAME_TIMEOUT, f"not over after {seconds:g} s")

    async def see(self, wanted: Sequence[Marker], seconds: float, *, here: bool = False) -> Marker:
        """Waits for one of `wanted`, and does what is shown in its way.

        `here`: they follow what was just done on this page, so once the page had to be opened
        again they will not come.
        """
        found = await self.glance(wanted, seconds, here=here)
        if found is None:
            raise Stop(self.reason, f"{self.doing}: no {' or '.join(wanted)} in {seconds:g} s")
        return found

    async def glance(
        self, wanted: Sequence[Marker], seconds: float, *, here: bool = False
    ) -> Marker | None:
        """`see`, but None when nothing comes in time."""
        while True:
            found = await self.driver.see((*self._in_the_way(wanted), *wanted), seconds)
            if found is None or found in wanted:
                return found
            await self._clear(found)
            if here and found is Marker.SIGNED_OUT:
                return None

    def _in_the_way(self, wanted: Sequence[Marker]) -> Sequence[Marker]:
        """What a page can show instead of what was asked for. Consent is not asked for ever."""
        markers = [marker for marker in _IN_THE_WAY if marker not in wanted]
        if self._consents >= CONSENT_TRIES:
            markers.remove(Marker.CONSENT)
        return markers

    async def _clear(self, found: Marker) -> None:
        if found is Marker.WALL:
            raise Stop(FailReason.WALL, f"{self.doing}: the site shows a wall")
        if found is Marker.RATE_LIMITED:
            raise Stop(FailReason.RATE_LIMITED, f"{self.doing}: the site asks for a pause")
        if found is Marker.TROUBLE:
            raise Stop(FailReason.SERVER_ERROR, f"{self.doing}: the page says that it failed")
        if found is Marker.SIGNED_OUT:
            await self._sign_in_again()
        else:
            await self._accept_consent()

    async def _accept_consent(self) -> None:
        """A banner that cannot be accepted is left where it is."""
        self._consents += 1
        try:
            await self.driver.accept_consent(self.limits.consent)
        except DriverTimeoutError:
            self._consents = CONSENT_TRIES

    async def sign_in(self) -> None:
        """From the lobby, or from the form that stands in its place."""
        self.enter("opening the lobby", FailReason.UNREACHABLE, self._open_lobby)
        if await self.see((Marker.SIGNED_IN, Marker.SIGNED_OUT), self.limits.open) is (
            Marker.SIGNED_OUT
        ):
            await self._sign_in(FailReason.SIGN_IN)

    async def _sign_in(self, failure: FailReason) -> None:
        """`failure` is the reason if there is no way in, but no refusal either."""
        doing, reason = self.doing, self.reason
        self.enter("signing in", failure)
        await self.driver.sign_in(self.options.account, self.limits.auth)
        if await self._see_inside() is Marker.REFUSED:
            raise Stop(FailReason.SIGN_IN, "the site refused the account; check it")
        self.enter(doing, reason)

    async def _see_inside(self) -> Marker:
        # Straight to the driver: the form itself is what `see` would clear away.
        seen = await self.driver.see(
            (Marker.WALL, Marker.REFUSED, Marker.RATE_LIMITED, Marker.INSIDE), self.limits.auth
        )
        if seen is None:
            raise Stop(self.reason, f"{self.doing}: still signed out in {self.limits.auth:g} s")
        if seen in (Marker.WALL, Marker.RATE_LIMITED):
            await self._clear(seen)
        return seen

    async def _sign_in_again(self) -> None:
        """A login that expired on the way: signs in once, and opens the same page again."""
        if self._signed_in_again:
            raise Stop(FailReason.SESSION, f"{self.doing}: signed out twice")
        self._signed_in_again = True
        await self._sign_in(FailReason.SESSION)
        await self._again()

    async def _open_lobby(self) -> None:
        await self.driver.open_lobby(self.limits.open)

    async def open_game(self) -> None:
        await self.driver.open_game(self.game, self.limits.open)

    async def open_results(self) -> None:
        await self.driver.open_results(self.game, self.limits.results)

    async def capture(self, shown: Marker) -> Picture:
        """Takes the picture that stands under `shown`. One that stays covered says so."""
        await self._wait_for_room(shown)
        await self._be_polite()
        ends_at = self.clock.monotonic() + self.limits.capture
        while True:
            picture = await self.driver.capture(self.limits.capture)
            if not picture.covered or self.clock.monotonic() >= ends_at:
                return picture
            # Looking clears a banner away. What else may cover the picture, goes by itself.
            if await self.glance((shown,), 0) is None:
                return picture
            await self.clock.sleep(POLL)

    async def _wait_for_room(self, shown: Marker) -> None:
        """Until the disk has room again. Looks at the page meanwhile: it may be taken away."""
        began_at = self.clock.monotonic()
        while self.options.room.low:
            await self.glance((shown,), 0)
            await self.clock.sleep(POLL)
        self.waited += self.clock.monotonic() - began_at

    async def _be_polite(self) -> None:
        if self.options.pause > 0:
            await self.clock.sleep(self.options.pause)

    def waiting(self, number: int) -> Picture | None:
        """The round's picture, if it is held and not committed yet."""
        if self.sink.committed(self.game, number):
            return None
        return self.sink.held(self.game, number)

    async def results_page(self, unknown: FailReason) -> Marker:
        """Opens the game's results; one that the site does not know ends the task as `unknown`."""
        await self.open_results()
        wanted = (Marker.FINISHED, Marker.NOT_FOUND, Marker.UNFINISHED)
        seen = await self.see(wanted, self.limits.results)
        if seen is Marker.NOT_FOUND:
            raise Stop(unknown, f"{self.doing}: the site does not know the game {self.game}")
        return seen

    async def recover(self, unknown: FailReason = FailReason.ANSWER_MISSING) -> None:
        """Commits what is still held when the game is over, with what its results tell."""
        held = {n: picture for n in self.numbers if (picture := self.waiting(n)) is not None}
        if not held:
            return
        self.enter("reading the results", FailReason.ANSWER_MISSING, self.open_results)
        if await self.results_page(unknown) is Marker.UNFINISHED:
            raise Stop(FailReason.ANSWER_MISSING, f"the game {self.game} is not finished")
        links = await self.driver.read_results(self.limits.results)
        for number, picture in held.items():
            self.sink.commit(self.game, number, picture, Answer(link=links.get(number, "")))


def is_place(link: str) -> bool:
    """Whether a map link tells coordinates."""
    try:
        parse_map_link(link)
    except ValueError:
        return False
    return True


class SystemClock:
    """The real one."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
