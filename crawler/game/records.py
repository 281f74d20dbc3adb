"""From a game's rounds to captures in the spool: keys, provenance, and what was held before."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from crawler.frontier import Frontier, NewTask, SqliteFrontier
from crawler.game.pages import parse_answer, parse_map_link
from crawler.game.port import Answer, Picture
from crawler.game.site import Site
from crawler.ledger import Held, Ledger, keys_elsewhere, ledger_paths
from crawler.probe import Probe
from crawler.reasons import FailReason
from crawler.spool import Spool
from shards.capture import Capture, extra_text
from shards.denylist import DenyList
from shards.keys import make_key


def round_key(site: Site, game: str, number: int) -> str:
    return make_key(site.source, game, number)


def round_capture(
    site: Site, game: str, number: int, picture: Picture, answer: Answer, browser: str
) -> Capture:
    """The record of one round. What `answer` does not tell stays empty."""
    try:
        lat, lon = parse_map_link(answer.link)
    except ValueError:
        lat = lon = ""
    try:
        country = parse_answer(answer.sentence)
    except ValueError:
        country = ""
    extra: dict[str, Any] = {
        "blank": picture.blank,
        "browser": browser,
        "covered": picture.covered,
        "link": answer.link,
        "map": site.map_name,
        "mode": site.mode,
        "round": number,
        "settled": picture.settled,
        "viewport": "{}x{}".format(*site.viewport),
    }
    if answer.sentence:
        extra |= {
            "players": answer.players,
            "sentence": answer.sentence,
            "wrong_guesses": list(answer.wrong_guesses),
        }
    return Capture(
        key=round_key(site, game, number),
        source=site.source,
        source_id=f"{game}/{number}",
        group_id=game,
        lat=lat,
        lon=lon,
        country=country,
        captured_at=picture.captured_at.isoformat(timespec="milliseconds"),
        license=site.license,
        license_url=site.license_url,
        attribution=site.attribution,
        source_url=site.results_url(game),
        extra=extra_text(extra),
    )


class GameSink:
    """`Sink` for one task: claims in the frontier, pictures and captures in a worker's spool.

    A game that another writer began (this run has fewer workers, or they lease in another order)
    is continued here: what that writer committed or holds is read from its ledger.
    """

    def __init__(
        self,
        site: Site,
        spool: Spool,
        frontier: Frontier,
        task_id: str,
        browser: str,
        probe: Probe | None = None,
        denylist: DenyList | None = None,
    ) -> None:
        self._denylist = denylist or DenyList()
        self._site = site
        self._spool = spool
        self._frontier = frontier
        self._task_id = task_id
        self._browser = browser
        self._probe = probe
        self._elsewhere: dict[str, set[str]] = {}

    def claim(self, game: str) -> bool:
        return self._frontier.claim(game, self._task_id)

    def committed(self, game: str, number: int) -> bool:
        key = round_key(self._site, game, number)
        return self._spool.settled(key) or key in self._committed_elsewhere(game)

    def hold(self, game: str, number: int, picture: Picture) -> None:
        details = {
            "blank": picture.blank,
            "captured_at": picture.captured_at.isoformat(),
            "covered": picture.covered,
            "settled": picture.settled,
        }
        self._spool.hold(
            round_key(self._site, game, number),
            picture.image,
            picture.extension,
            task_id=ledger_task(self._task_id, game),
            details=json.dumps(details, sort_keys=True),
        )

    def held(self, game: str, number: int) -> Picture | None:
        key = round_key(self._site, game, number)
        held = self._spool.held(key) or self._held_elsewhere(key)
        if held is None:
            return None
        details = json.loads(held.details)
        taken = datetime.fromisoformat(details.pop("captured_at"))
        return Picture(held.image, held.extension, taken, **details)

    def commit(self, game: str, number: int, picture: Picture, answer: Answer) -> None:
        capture = round_capture(self._site, game, number, picture, answer, self._browser)
        task = ledger_task(self._task_id, game)
        if rule := self._denylist.refusal(capture):
            detail = f"{rule.rule} of the deny-list"
            self._spool.fail(capture.key, task, FailReason.DENIED, detail)
            self._spool.ledger.release(capture.key)
            return
        added = self._spool.add(capture, picture.image, picture.extension, task_id=task)
        if added and self._probe is not None:
            self._probe.observe(capture, picture.image)

    def _committed_elsewhere(self, game: str) -> set[str]:
        """Asked once for each game: nobody else works on it while this task is leased."""
        if game not in self._elsewhere:
            task = ledger_task(self._task_id, game)
            self._elsewhere[game] = keys_elsewhere(self._spool.directory, task, self._spool.path)
        return self._elsewhere[game]

    def _held_elsewhere(self, key: str) -> Held | None:
        for path in self._other_ledgers():
            with closing(Ledger(path, read_only=True)) as ledger:
                if held := ledger.held(key):
                    return held
        return None

    def _other_ledgers(self) -> Iterable[Path]:
        return (path for path in ledger_paths(self._spool.directory) if path != self._spool.path)


def ledger_task(task_id: str, game: str) -> str:
    """What a ledger's rows say of their task: enough to restore a frontier that was lost."""
    return f"{task_id}:{game}"


def reconcile(directory: Path, frontier: SqliteFrontier, rounds: int) -> None:
    """Teaches the frontier what the ledgers know: claims, and games whose rounds are all there.

    With 0 `rounds` no game is known to be complete: matches have as many as they have.
    """
    committed: Counter[str] = Counter()
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            committed.update(ledger.tasks())
    for task, count in sorted(committed.items()):
        task_id, _, game = task.partition(":")
        if not game:
            continue
        frontier.add([NewTask(task_id)])
        if frontier.claim(game, task_id) and count >= rounds > 0:
            frontier.done(task_id)
