"""From the bytes of photographs to answers: the part of the server that knows no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shards.errors import WorkError
from shards.manifest import file_sha256
from training.data.images import Pixels, TooManyPixelsError, UnknownFormatError, fit, photograph
from training.deploy.predict import answer_row
from training.deploy.serve.refusal import Refusal
from training.deploy.serve.spread import SHARES, within_km
from training.evaluation.embed import answers_of, embed_images, refine
from training.evaluation.views import fuse
from training.model.decode import Answers
from training.model.modelfile import load_model, model_path
from training.model.retrieval import Method

_SCANS = b"\xff\xda"
_MAX_SCANS = 200
"""Of a progressive JPEG. Each costs a pass over all pixels, whatever few bytes it has."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one answer is asked for."""

    views: Sequence[Pixels]
    """One photograph, or several of one place, as `Core.view` gives them."""
    top: int
    """How many countries and regions to name."""


class Core:
    def __init__(self, path: Path, max_pixels: int, refine_by: Method | None = None) -> None:
        path = model_path(path)
        self.trained = load_model(path)
        self.sha256 = file_sha256(path)
        self._max_pixels = max_pixels
        self._size = self.trained.description.preprocessing
        if refine_by:
            refine(self.trained, path, refine_by)
        self.answers([Place([np.zeros((self._size.height, self._size.width, 3), np.uint8)], 1)])

    def view(self, data: bytes, name: str) -> Pixels:
        """The network's pixels of an encoded image. Any number of threads may call it."""
        if not data:
            raise Refusal(400, "empty", f"{name}: no bytes; send the image file as the body")
        if data.startswith(b"\xff\xd8") and data.count(_SCANS) > _MAX_SCANS:
            raise Refusal(
                422, "bad_image", f"{name}: a JPEG of more than {_MAX_SCANS} scans; save it again"
            )
        try:
            pixels = photograph(data, name, self._max_pixels)
        except UnknownFormatError as error:
            raise Refusal(415, "not_an_image", str(error)) from None
        except TooManyPixelsError as error:
            raise Refusal(413, "too_many_pixels", str(error)) from None
        except WorkError as error:
            raise Refusal(422, "bad_image", str(error)) from None
        return fit(pixels, self._size.width, self._size.height)

    def answers(self, places: Sequence[Place]) -> list[dict[str, Any]]:
        """An answer for each place, all as one batch; one thread at a time."""
        views = [view for place in places for view in place.views]
        of_place = np.repeat(np.arange(len(places)), [len(place.views) for place in places])
        embeddings = embed_images(self.trained, views)
        if len(views) > len(places):
            embeddings = fuse(embeddings, of_place)
        found = answers_of(self.trained, embeddings)
        return [self._answer(found, row, place.top) for row, place in enumerate(places)]

    def about(self) -> dict[str, Any]:
        """What `GET /v1/model` says: the description of the model file, and the file's hash."""
        description = self.trained.description.model_dump(mode="json")
        cells = self.trained.decoder.answered_cells
        regions = [{"id": c.id, "name": c.name} for c in cells.table.cells] if cells else None
        labels = description.pop("labels")
        countries = [{"code": c["code"], "name": c["name"]} for c in labels["countries"]]
        del description["cells"]
        return {"sha256": self.sha256, **description, "countries": countries, "regions": regions}

    def _answer(self, answers: Answers, row: int, top: int) -> dict[str, Any]:
        answer = answer_row(self.trained, answers, row, top)
        cells = self.trained.decoder.answered_cells
        if answer["position"] is None or cells is None or answers.cells is None:
            return {**answer, "within_km": None}
        radii = within_km(answers.positions[row], cells, answers.cells[row])
        shares = [f"{share:.0%}" for share in SHARES]
        return {**answer, "within_km": dict(zip(shares, radii, strict=True))}
