"""The model's answers to the very pixels that people see."""

import threading
from pathlib import Path

import numpy as np

from shards.errors import WorkError
from training.baseline.deck import Deck
from training.data.images import fit
from training.evaluation.embed import answers_of, embed_images
from training.model.modelfile import TrainedModel, load_model, model_path


class Machine:
    """Answers one photograph at a time, and remembers."""

    def __init__(self, model: Path, deck: Deck) -> None:
        """Raises WorkError when the model names other countries than the data."""
        self.path = model_path(model)
        self._trained: TrainedModel = load_model(self.path)
        self._deck = deck
        self._found: dict[int, list[str]] = {}
        self._lock = threading.Lock()
        codes = [country.code for country in self._trained.description.labels.countries]
        if codes != [country.code for country in deck.labels.countries]:
            raise WorkError(
                f"{self.path}: names {len(codes)} countries, not the {len(deck.labels.countries)}"
                " of these shards; use the model that was trained on them"
            )

    def ranking(self, row: int) -> list[str]:
        """Codes of all countries, the most probable first, equal ones in the order of classes."""
        with self._lock:
            if row not in self._found:
                size = self._trained.description.preprocessing
                image = fit(self._deck.pixels(row), size.width, size.height)
                answers = answers_of(self._trained, embed_images(self._trained, [image]))
                order = np.argsort(-answers.countries[0], kind="stable")
                codes = [country.code for country in self._deck.labels.countries]
                self._found[row] = [codes[at] for at in order]
            return self._found[row]

    def rank(self, row: int) -> int:
        """How many countries it thought more probable than the true one."""
        return self.ranking(row).index(self._deck.country(row))


def model_size(model: Path) -> tuple[int, int]:
    """Width and height of the network's input."""
    size = load_model(model_path(model)).description.preprocessing
    return size.width, size.height
