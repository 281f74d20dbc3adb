"""Countries, regions and a position for photographs of any size, shape and colour mode."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from enrich.geo.continents import continents
from shards.console import Advance
from shards.errors import UsageError, WorkError
from training.data.images import Pixels, fit
from training.deploy.sources import Fetch, pixels_of
from training.evaluation.embed import answers_of, embed_images, refine
from training.evaluation.views import fuse
from training.geometry import Floats
from training.model.decode import Answers
from training.model.modelfile import TrainedModel, load_model
from training.model.retrieval import Method

BATCH_SIZE = 32
THREADS = min(8, os.cpu_count() or 1)

Read = Callable[[str], Pixels | WorkError]
Batch = tuple[list[str], list[Pixels | WorkError]]


def predict_images(
    model: Path | TrainedModel,
    images: Iterable[str | Path],
    k: int = 5,
    *,
    refine_by: Method | None = None,
    together: bool = False,
    fetch: Fetch | None = None,
    advance: Advance | None = None,
) -> list[dict[str, Any]]:
    """One answer for each image, in order; or, `together`, one for all of them as views of a place.

    `{"image", "countries": [{"code", "name", "probability"}], "continents": [{"name",
    "probability"}], "position": {"lat", "lon"}}` with the k most probable countries (or as many as
    the model knows) and all of their continents, and "regions" like "countries" when the model has
    a region head; `{"image", "error"}` for one that cannot be read. An answer for
    several has "images" instead of "image". `refine_by` needs the path of a model with embeddings;
    `fetch` gets what stands behind web addresses.
    """
    trained = ready(model, k, refine_by)
    if together:
        return _predict_together(trained, map(str, images), k, fetch, advance)
    return list(predictions(trained, map(str, images), k, fetch=fetch, advance=advance))


def ready(model: Path | TrainedModel, k: int = 1, refine_by: Method | None = None) -> TrainedModel:
    """The model, loaded and set to refine. Raises UsageError for what cannot be asked of it."""
    if k < 1:
        raise UsageError(f"top {k}: ask for at least one country")
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    if refine_by:
        if isinstance(model, TrainedModel):
            raise UsageError("refining needs the path of the model file")
        refine(trained, model, refine_by)
    return trained


def predictions(
    trained: TrainedModel,
    names: Iterable[str],
    k: int,
    *,
    fetch: Fetch | None = None,
    advance: Advance | None = None,
) -> Iterator[dict[str, Any]]:
    """The answers of `predict_images` one by one; the next batch is read while one is predicted."""
    for batch, images in _batches(names, _reader(trained, fetch)):
        good = [image for image in images if not isinstance(image, WorkError)]
        answers = answers_of(trained, embed_images(trained, good)) if good else None
        row = 0
        for name, image in zip(batch, images, strict=True):
            if isinstance(image, WorkError) or answers is None:
                yield {"image": name, "error": str(image)}
            else:
                yield {"image": name, **answer_row(trained, answers, row, k)}
                row += 1
            if advance:
                advance()


def _predict_together(
    trained: TrainedModel,
    names: Iterable[str],
    k: int,
    fetch: Fetch | None,
    advance: Advance | None,
) -> list[dict[str, Any]]:
    """The errors, then one answer for what could be read."""
    embeddings, read, errors = [], [], []
    for batch, images in _batches(names, _reader(trained, fetch)):
        good = []
        for name, image in zip(batch, images, strict=True):
            if isinstance(image, WorkError):
                errors.append({"image": name, "error": str(image)})
            else:
                good.append(image)
                read.append(name)
        if good:
            embeddings.append(embed_images(trained, good))
        if advance:
            advance(len(batch))
    if not embeddings:
        return errors
    views = np.concatenate(embeddings)
    answers = answers_of(trained, fuse(views, np.zeros(len(views), dtype=np.int64)))
    return [*errors, {"images": read, **answer_row(trained, answers, 0, k)}]


def _reader(trained: TrainedModel, fetch: Fetch | None) -> Read:
    size = trained.description.preprocessing

    def read(name: str) -> Pixels | WorkError:
        try:
            return fit(pixels_of(name, fetch), size.width, size.height)
        except WorkError as error:
            return error

    return read


def _batches(names: Iterable[str], read: Read) -> Iterator[Batch]:
    """Names and what they are, in order, read one batch ahead."""
    waiting = iter(names)
    with ThreadPoolExecutor(THREADS) as threads:
        ahead: list[tuple[str, Future[Pixels | WorkError]]] = []
        while True:
            batch = ahead
            ahead = [(name, threads.submit(read, name)) for name in islice(waiting, BATCH_SIZE)]
            if batch:
                yield [name for name, _ in batch], [future.result() for _, future in batch]
            elif not ahead:
                return


def answer_row(trained: TrainedModel, answers: Answers, row: int, k: int) -> dict[str, Any]:
    """One row of the answers as `predict_images` gives it, without the name of the image."""
    labels = trained.description.labels
    lat, lon = answers.positions[row].tolist()
    known = not np.isnan(answers.positions[row]).any()
    answer: dict[str, Any] = {
        "countries": [
            {
                "code": labels.countries[i].code,
                "name": labels.countries[i].name,
                "probability": float(answers.countries[row, i]),
            }
            for i in _largest(answers.countries[row], k)
        ],
        "continents": _continents([c.code for c in labels.countries], answers.countries[row]),
        "position": {"lat": lat, "lon": lon} if known else None,
    }
    if (cells := trained.decoder.answered_cells) and answers.cells is not None:
        answer["regions"] = [
            {
                "id": cells.table.cells[i].id,
                "name": cells.table.cells[i].name,
                "probability": float(answers.cells[row, i]),
            }
            for i in _largest(answers.cells[row], k)
        ]
    return answer


def _continents(codes: list[str], probabilities: Floats) -> list[dict[str, Any]]:
    """All continents of the model's countries, each with the sum of theirs, the largest first."""
    sums: dict[str, float] = {}
    for code, probability in zip(codes, probabilities.tolist(), strict=True):
        if name := continents().get(code):
            sums[name] = sums.get(name, 0.0) + probability
    return [
        {"name": name, "probability": total}
        for name, total in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    ]


def _largest(probabilities: Floats, k: int) -> list[int]:
    """Indices of the k largest, largest first, equal ones in index order."""
    return [int(i) for i in np.argsort(-probabilities, kind="stable")[:k]]
