"""Shadow: follows one running match and puts its pictures into a folder, for a live demonstration.

A picture is there, whole, as soon as it is taken and long before its answer is known, so that a
model can guess along: `lostfound watch MODEL DIR` predicts whatever appears.
"""

from dataclasses import replace
from pathlib import Path

from crawler.game.multiplayer import spectate
from crawler.game.port import Answer, Clock, GameDriver, Options, Outcome, Picture, Sink
from shards.atomic import write_bytes


async def shadow(driver: GameDriver, clock: Clock, sink: Sink, options: Options) -> Outcome:
    """Watches `options.game` to its end, and guesses nothing."""
    return await spectate(driver, clock, sink, replace(options, guess=False))


class FolderSink:
    """A `Sink` that also writes `<game>-<round>.<ext>`, before it tells the dataset's own."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self._folder = folder
        self._sink = sink
        folder.mkdir(parents=True, exist_ok=True)

    def claim(self, game: str) -> bool:
        return self._sink.claim(game)

    def committed(self, game: str, number: int) -> bool:
        return self._sink.committed(game, number)

    def hold(self, game: str, number: int, picture: Picture) -> None:
        write_bytes(self._folder / f"{game}-{number}.{picture.extension}", picture.image)
        self._sink.hold(game, number, picture)

    def held(self, game: str, number: int) -> Picture | None:
        return self._sink.held(game, number)

    def commit(self, game: str, number: int, picture: Picture, answer: Answer) -> None:
        self._sink.commit(game, number, picture, answer)
