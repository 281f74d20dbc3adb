"""The pages of the game as HTML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from shards.pages.pages import environment, script
from shards.pages.worldmap import MAP_UNITS, draw_world
from shards.world.projection import project
from training.baseline.game import MAX_NAME, Game, Person
from training.baseline.machine import Machine
from training.baseline.names import country_options

TEMPLATES = Path(__file__).with_name("templates")
_DOT = MAP_UNITS / 110


class Pages:
    def __init__(self, game: Game, machine: Machine | None) -> None:
        self._game, self._machine = game, machine
        self._environment = environment(TEMPLATES)
        self._options = country_options(game.deck.labels)
        self._names = {option["code"]: option["name"] for option in self._options}
        self._script = script(TEMPLATES / "guesses.js")

    def start(self) -> str:
        return self._render("start.html.j2", max_name=MAX_NAME)

    def round(
        self,
        person: Person,
        number: int,
        texts: Sequence[str] = (),
        problems: Sequence[str] = (),
    ) -> str:
        """An open round. `texts`: what was written before, when there were problems with it."""
        wanted = self._game.deck.guesses
        return self._render(
            "round.html.j2",
            person=person,
            number=number,
            texts=[*texts[:wanted], *[""] * (wanted - len(texts))],
            problems=problems,
            options=self._options,
            script=self._script,
        )

    def truth(self, person: Person, number: int) -> str:
        """An answered round."""
        answer, row = person.answers[number - 1], person.order[number - 1]
        machine = self._machine.ranking(row)[: self._game.deck.guesses] if self._machine else None
        return self._render(
            "truth.html.j2",
            person=person,
            number=number,
            answer=answer,
            machine=machine,
            map=self._map(row, answer["country"]),
        )

    def done(self, person: Person) -> str:
        return self._render("done.html.j2", person=person)

    def results(self, found: dict[str, Any], person: Person | None) -> str:
        return self._render(
            "results.html.j2", found=found, person=person, has_model=self._machine is not None
        )

    def _map(self, row: int, country: str) -> Markup:
        samples, dot = self._game.deck.samples, ""
        lat, lon = float(samples.lat[row]), float(samples.lon[row])
        if not np.isnan(lat) and not np.isnan(lon):
            x, y = project(lat, lon, MAP_UNITS)
            dot = f'<circle class="dot" cx="{x:.0f}" cy="{y:.0f}" r="{_DOT:.0f}"/>'
        land = {country: (0.6, self._names.get(country, country))}
        label = "Where the photograph was taken"
        return Markup(draw_world(land, dot, label))  # noqa: S704 - escapes what it is given

    def _render(self, template: str, **values: Any) -> str:
        deck = self._game.deck
        return self._environment.get_template(template).render(
            deck=deck,
            classes=len(deck.labels.countries),
            name=lambda code: self._names.get(code, code),
            **values,
        )
