"""Which photographs an evaluation shows: the best answers, the worst, and the surest mistakes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shards.pages.thumbnails import stored_thumbnails
from shards.store import Folder
from training.evaluation.page.predictions import Predictions

PICTURES = 8
"""Of each group."""
THUMBNAIL_WIDTH = 240


@dataclass(frozen=True, slots=True)
class Picture:
    key: str
    image: str | None
    """A `data:` URI; None when the shards are not here, or hold no picture at its place."""
    true: str
    predicted: str
    right: bool
    km: float | None
    probability: float
    rank: int


def chosen_rows(predictions: Predictions, most: int = PICTURES) -> dict[str, list[int]]:
    """Rows of each group. By distance where it is known, else by the true country's probability.

    Equal ones in the order of their keys.
    """
    km, sure = predictions.distance_km, predictions.true_probability
    measured = ~np.isnan(km)
    far = np.where(measured, km, -1.0) if measured.any() else -np.nan_to_num(sure)
    near = np.where(measured, km, np.inf) if measured.any() else -np.nan_to_num(sure)
    usable = np.flatnonzero(measured) if measured.any() else np.arange(len(predictions))
    wrong = np.flatnonzero(~predictions.right & ~np.isnan(predictions.probability))

    def first(rows: np.ndarray, order: np.ndarray) -> list[int]:
        keys = predictions.keys
        return sorted(rows.tolist(), key=lambda row: (float(order[row]), keys[row]))[:most]

    best = first(usable, near)
    worst = [row for row in first(usable, -far) if row not in set(best)]
    return {
        "best": best,
        "worst": worst,
        "surest mistakes": first(wrong, -predictions.probability),
    }


def pictures(
    predictions: Predictions, shards: Path | None, most: int = PICTURES
) -> list[tuple[str, list[Picture]]]:
    """The groups that have rows, with their pictures read from below `shards`."""
    groups = chosen_rows(predictions, most)
    places = [predictions.places[row] for rows in groups.values() for row in rows]
    images = stored_thumbnails(Folder(shards), places, THUMBNAIL_WIDTH) if shards else {}
    return [
        (name, [_picture(predictions, row, images.get(predictions.places[row])) for row in rows])
        for name, rows in groups.items()
        if rows
    ]


def _picture(predictions: Predictions, row: int, image: str | None) -> Picture:
    km = float(predictions.distance_km[row])
    return Picture(
        key=predictions.keys[row],
        image=image,
        true=predictions.country[row],
        predicted=predictions.predicted[row],
        right=bool(predictions.right[row]),
        km=None if np.isnan(km) else km,
        probability=float(np.nan_to_num(predictions.probability[row])),
        rank=int(predictions.rank[row]),
    )
