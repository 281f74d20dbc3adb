"""Who plays, which photograph is open, what was answered. Knows nothing of HTTP.

The open round of a person follows from what they answered and from nothing else: the first
photograph of their order without an answer. So a page that is loaded again, or a server that is
started again, shows the same one, and nothing counts until an answer is committed.
"""

import hashlib
import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from shards.errors import UsageError
from training.baseline.deck import Deck
from training.baseline.journal import JOURNAL_NAME, Journal, Row

MAX_PEOPLE = 1000
MAX_NAME = 40


class RoundClosedError(Exception):
    """The answer is to a round that is not the open one."""


class FullError(Exception):
    """Nobody else can join."""


@dataclass(slots=True)
class Person:
    id: str
    name: str
    order: list[int]
    answers: list[Row] = field(default_factory=list)

    @property
    def open_round(self) -> int | None:
        """Its number, from 1; None when all are done."""
        return len(self.answers) + 1 if len(self.answers) < len(self.order) else None


class Game:
    """All people of one journal."""

    def __init__(self, deck: Deck, folder: Path, *, rounds: int, seed: int) -> None:
        """Goes on with the journal in `folder`. Raises UsageError when it is of other data."""
        self.deck = deck
        self._rounds, self._seed = rounds, seed
        self._lock = threading.Lock()
        self._journal = Journal(folder / JOURNAL_NAME)
        self._people: dict[str, Person] = {}
        self._rows_by_key = {key: row for row, key in enumerate(deck.samples.keys)}
        try:
            self._continue(folder)
        except BaseException:
            self.close()
            raise

    def _continue(self, folder: Path) -> None:
        start = {
            "event": "start",
            "data_sha256": self.deck.data_sha256,
            "split": self.deck.split,
            "resolution": str(self.deck.resolution),
            "seed": self._seed,
        }
        if not self._journal.rows:
            self._journal.add(start)
        for name, value in start.items():
            if self._journal.rows[0].get(name) != value:
                raise UsageError(
                    f"{folder / JOURNAL_NAME}: answers for another {name.replace('_', ' ')};"
                    " use another --out"
                )
        answers = defaultdict(list)
        for row in self._journal.rows:
            if row["event"] == "person":
                self._people[row["person"]] = self._person(row["person"], row["name"])
            elif row["event"] == "answer":
                answers[row["person"]].append(row)
        for person, rows in answers.items():
            self._people[person].answers = rows
            # What was answered stays answered, also with fewer rounds than before.
            self._people[person].order = self._order(person, max(self._rounds, len(rows)))

    def _person(self, person: str, name: str) -> Person:
        return Person(person, name, self._order(person, self._rounds))

    def _order(self, person: str, rounds: int) -> list[int]:
        return self.deck.order(self._seed, person)[:rounds]

    def join(self, name: str) -> str:
        """The token of a new person. Only its hash is kept, so the journal lets nobody in."""
        name = " ".join(name.split())[:MAX_NAME] or "somebody"
        token = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._people) >= MAX_PEOPLE:
                raise FullError
            person = self._person(_id_of(token), name)
            self._journal.add({"event": "person", "person": person.id, "name": name, "at": _now()})
            self._people[person.id] = person
        return token

    def person(self, token: str | None) -> Person | None:
        return self._people.get(_id_of(token)) if token else None

    def row_of(self, person: Person, number: int) -> int | None:
        """The sample of an answered round or of the open one; None for all others."""
        if not 1 <= number <= (person.open_round or len(person.answers)):
            return None
        return person.order[number - 1]

    def commit(self, person: Person, number: int, codes: list[str]) -> Row:
        """Counts an answer to the open round, once it is on disk.

        Raises RoundClosedError for any other round: sent twice, from two tabs, or too early.
        """
        with self._lock:
            if number != person.open_round:
                raise RoundClosedError
            row = person.order[number - 1]
            true = self.deck.country(row)
            answer = {
                "event": "answer",
                "person": person.id,
                "round": number,
                "key": self.deck.samples.keys[row],
                "country": true,
                "guesses": codes,
                "rank": codes.index(true) if true in codes else -1,
                "at": _now(),
            }
            self._journal.add(answer)
            person.answers.append(answer)
            return answer

    def row_of_key(self, key: str) -> int:
        return self._rows_by_key[key]

    @property
    def people(self) -> Mapping[str, Person]:
        return dict(self._people)

    def close(self) -> None:
        self._journal.close()


def _id_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
