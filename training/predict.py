"""Countries and a position for photographs on disk, of any size, shape and colour mode."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shards.errors import UsageError, WorkError
from training.config import config_from
from training.decode import Answers
from training.geometry import Floats
from training.images import Pixels, fit, read_image
from training.inference import forward, to_numpy
from training.modelfile import TrainedModel, load_model
from training.process import local_device

BATCH_SIZE = 32


def predict_images(
    model: Path | TrainedModel, paths: Iterable[Path], k: int = 5
) -> list[dict[str, Any]]:
    """One answer for each image, in order.

    `{"image", "countries": [{"code", "name", "probability"}], "position": {"lat", "lon"}}` with the
    k most probable countries (or as many as the model knows), and "regions" like "countries" when
    the model has a region head; `{"image", "error"}` for one that cannot be read.
    """
    if k < 1:
        raise UsageError(f"top {k}: ask for at least one country")
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    device = local_device()
    trained.network.to(device)
    waiting = iter(paths)
    results: list[dict[str, Any]] = []
    while batch := list(islice(waiting, BATCH_SIZE)):
        results.extend(_predict_batch(trained, batch, k, device))
    return results


def _predict_batch(
    trained: TrainedModel, paths: Sequence[Path], k: int, device: torch.device
) -> Iterator[dict[str, Any]]:
    size = trained.description.preprocessing
    images: dict[int, Pixels] = {}
    errors: dict[int, str] = {}
    for number, path in enumerate(paths):
        try:
            images[number] = fit(read_image(path), size.width, size.height)
        except WorkError as error:
            errors[number] = str(error)
    answers = _answers(trained, list(images.values()), device) if images else None
    rows = {number: row for row, number in enumerate(images)}
    for number, path in enumerate(paths):
        if number in errors:
            yield {"image": str(path), "error": errors[number]}
        else:
            assert answers is not None
            yield {"image": str(path), **_answer(trained, answers, rows[number], k)}


def _answers(trained: TrainedModel, images: list[Pixels], device: torch.device) -> Answers:
    precision = config_from(trained.description.config).precision
    with torch.inference_mode():
        pixels = torch.from_numpy(np.stack(images)).to(device)
        return trained.decoder.answers(to_numpy(forward(trained.network, pixels, precision)))


def _answer(trained: TrainedModel, answers: Answers, row: int, k: int) -> dict[str, Any]:
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
