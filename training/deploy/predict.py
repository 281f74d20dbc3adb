"""Countries and a position for photographs on disk, of any size, shape and colour mode."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from shards.errors import UsageError, WorkError
from training.data.images import Pixels, fit, read_image
from training.evaluation.embed import answers_of, embed_images, refine
from training.evaluation.views import fuse
from training.geometry import Floats
from training.model.decode import Answers
from training.model.modelfile import TrainedModel, load_model
from training.model.retrieval import Method

BATCH_SIZE = 32


def predict_images(
    model: Path | TrainedModel,
    paths: Iterable[Path],
    k: int = 5,
    *,
    refine_by: Method | None = None,
    together: bool = False,
) -> list[dict[str, Any]]:
    """One answer for each image, in order; or, `together`, one for all of them as views of a place.

    `{"image", "countries": [{"code", "name", "probability"}], "position": {"lat", "lon"}}` with the
    k most probable countries (or as many as the model knows), and "regions" like "countries" when
    the model has a region head; `{"image", "error"}` for one that cannot be read. An answer for
    several has "images" instead of "image". `refine_by` needs the path of a model with embeddings.
    """
    if k < 1:
        raise UsageError(f"top {k}: ask for at least one country")
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    if refine_by:
        if isinstance(model, TrainedModel):
            raise UsageError("refining needs the path of the model file")
        refine(trained, model, refine_by)
    if together:
        return _predict_together(trained, list(paths), k)
    waiting = iter(paths)
    results: list[dict[str, Any]] = []
    while batch := list(islice(waiting, BATCH_SIZE)):
        results.extend(_predict_batch(trained, batch, k))
    return results


def _predict_batch(
    trained: TrainedModel, paths: Sequence[Path], k: int
) -> Iterator[dict[str, Any]]:
    images, errors = _read(trained, paths)
    answers = answers_of(trained, embed_images(trained, list(images.values()))) if images else None
    rows = {path: row for row, path in enumerate(images)}
    for number, path in enumerate(paths):
        if number in errors:
            yield {"image": str(path), "error": errors[number]}
        else:
            assert answers is not None
            yield {"image": str(path), **answer_row(trained, answers, rows[number], k)}


def _predict_together(trained: TrainedModel, paths: Sequence[Path], k: int) -> list[dict[str, Any]]:
    """The errors, then one answer for what could be read."""
    found, errors = [], []
    for start in range(0, len(paths), BATCH_SIZE):
        part = paths[start : start + BATCH_SIZE]
        images, broken = _read(trained, part)
        errors += [{"image": str(part[n]), "error": text} for n, text in broken.items()]
        if images:
            found.append(embed_images(trained, list(images.values())))
    if not found:
        return errors
    embeddings = np.concatenate(found)
    answers = answers_of(trained, fuse(embeddings, np.zeros(len(embeddings), dtype=np.int64)))
    broken_paths = {error["image"] for error in errors}
    images_read = [str(path) for path in paths if str(path) not in broken_paths]
    return [*errors, {"images": images_read, **answer_row(trained, answers, 0, k)}]


def _read(trained: TrainedModel, paths: Sequence[Path]) -> tuple[dict[int, Pixels], dict[int, str]]:
    """Pixels of the network's size, and errors, by the number of the path."""
    size = trained.description.preprocessing
    images: dict[int, Pixels] = {}
    errors: dict[int, str] = {}
    for number, path in enumerate(paths):
        try:
            images[number] = fit(read_image(path), size.width, size.height)
        except WorkError as error:
            errors[number] = str(error)
    return images, errors


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


def _largest(probabilities: Floats, k: int) -> list[int]:
    """Indices of the k largest, largest first, equal ones in index order."""
    return [int(i) for i in np.argsort(-probabilities, kind="stable")[:k]]
