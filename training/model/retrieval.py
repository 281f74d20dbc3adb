"""Positions from training photographs that look alike: a refinement of a model's own guess.

- `neighbours` (IM2GPS; Vo et al. 2017): of the k training photographs with the most similar
  embeddings, the place where they lie densest: the one with the highest
  Σ max(0, cos)^POWER · exp(-(d/100 km)²/2) over all k.
- `prototypes` (PIGEON, Haas et al. 2024): of the likeliest cells, and in each the mean embedding
  of the training photographs of one square of 20 km that is most similar, the one with the highest
  P(cell) · exp(cos / TEMPERATURE). The answer is the mean place of its photographs.
  Without cells, of all prototypes the most similar one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from shards.atomic import atomic_path
from shards.errors import UsageError, WorkError
from training.geometry import Floats, centres_of, distances_km
from training.model.cells.quadtree import square_codes

Embeddings = NDArray[np.float32]
Ints = NDArray[np.int64]
Method = Literal["neighbours", "prototypes"]
Refiner = Callable[[Embeddings, Floats | None], Floats]
"""From embeddings (n, features) and probabilities of cells (n, cells) to positions (n, 2)."""

FILE_NAME = "embeddings.safetensors"
NEIGHBOURS = 32
SIGMA_KM = 100.0
POWER = 8
CELLS = 5
PROTOTYPE_LEVEL = 9
TEMPERATURE = 0.1
_KEY = "lostfound-embeddings"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Training photographs that have a position."""

    embeddings: Embeddings
    """(n, features), each of length 1."""
    positions: Floats
    """(n, 2) degrees."""
    cells: Ints
    """(n,) by the model's answered cells; -1 for a model without."""


def normalised(embeddings: Embeddings) -> Embeddings:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.where(length > 0, length, 1), dtype=np.float32)


def refiner(gallery: Gallery, method: Method) -> Refiner:
    """Raises UsageError when there is nothing to find."""
    if not len(gallery.positions):
        raise UsageError("no training sample has coordinates; nothing can be looked up")
    return _neighbours(gallery) if method == "neighbours" else _prototypes(gallery)


def _neighbours(gallery: Gallery) -> Refiner:
    k = min(NEIGHBOURS, len(gallery.positions))

    def positions(embeddings: Embeddings, _: Floats | None) -> Floats:
        similar = normalised(embeddings) @ gallery.embeddings.T
        nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        found = np.empty((len(embeddings), 2))
        for row, mine in enumerate(nearest):
            places = gallery.positions[mine]
            weights = np.maximum(similar[row, mine], 0.0).astype(np.float64) ** POWER
            density = np.exp(-((distances_km(places, places) / SIGMA_KM) ** 2) / 2) @ weights
            found[row] = places[density.argmax()]
        return found

    return positions


def _prototypes(gallery: Gallery) -> Refiner:
    square = square_codes(gallery.positions, PROTOTYPE_LEVEL)
    groups, owner = np.unique(np.column_stack([gallery.cells, square]), axis=0, return_inverse=True)
    owner = owner.reshape(-1)
    cells = groups[:, 0]
    sums = np.zeros((len(groups), gallery.embeddings.shape[1]))
    np.add.at(sums, owner, gallery.embeddings.astype(np.float64))
    means = normalised(sums.astype(np.float32))
    places = centres_of(gallery.positions, owner.astype(np.int64), len(groups))

    def positions(embeddings: Embeddings, probabilities: Floats | None) -> Floats:
        similar = (normalised(embeddings) @ means.T).astype(np.float64)
        if probabilities is None or cells.max() < 0:
            return np.asarray(places[similar.argmax(axis=1)])
        own = probabilities[:, np.maximum(cells, 0)] * (cells >= 0)
        top = np.sort(probabilities, axis=1)[:, -min(CELLS, probabilities.shape[1])]
        # A row none of whose likeliest cells has a prototype chooses among all.
        allowed = (own >= top[:, None]) & (own > 0)
        allowed |= ~allowed.any(axis=1, keepdims=True)
        score = np.log(np.maximum(own, 1e-300)) + similar / TEMPERATURE
        return np.asarray(places[np.where(allowed, score, -np.inf).argmax(axis=1)])

    return positions


def write_gallery(path: Path, gallery: Gallery, model_sha256: str) -> None:
    """Writes atomically; embeddings in float16."""
    from safetensors.torch import save_file

    tensors = {
        "embeddings": torch.from_numpy(gallery.embeddings).half(),
        "positions": torch.from_numpy(gallery.positions),
        "cells": torch.from_numpy(gallery.cells),
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {_KEY: model_sha256})


def read_gallery(path: Path, model_sha256: str) -> Gallery:
    """Raises UsageError when there is none of this model, WorkError when it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UsageError(f"{path}: no such file; `lostfound embed` writes it")
    try:
        with safe_open(path, framework="pt") as file:
            made_by = (file.metadata() or {}).get(_KEY)
            embeddings, positions, cells = map(
                file.get_tensor, ("embeddings", "positions", "cells")
            )
    except (SafetensorError, OSError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); run `lostfound embed` again") from None
    if made_by != model_sha256:
        raise UsageError(f"{path}: made with another model; run `lostfound embed` again")
    return Gallery(normalised(embeddings.float().numpy()), positions.numpy(), cells.numpy())
