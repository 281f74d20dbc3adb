"""Evaluates a model file on a split, against chance and against always guessing one country."""

from pathlib import Path
from typing import Any

import numpy as np

from shards.atomic import write_json
from shards.console import progress
from shards.errors import WorkError
from shards.labels import Labels
from training.config import Config, config_from
from training.data import Samples, data_sha256, read_samples
from training.heads import Heads
from training.inference import Evaluator
from training.labels import read_labels, same_classes
from training.loader import Loader
from training.metrics import Outcomes, figures
from training.modelfile import TrainedModel, load_model, model_path
from training.process import Process, local_device

BATCH_SIZE = 64


def evaluate_model(model: Path, shards: Path, split: str = "test") -> dict[str, Any]:
    """All figures of a model on one split; also written beside the model file.

    `model`: a model file or a run directory. The file is `evaluation.json` for the test split, and
    `evaluation-<split>.json` for others. Raises WorkError when the model has other classes than
    the shards.
    """
    path = model_path(model)
    trained = load_model(path)
    digest = data_sha256(shards)
    labels = read_labels(shards)
    if not same_classes(trained.description.labels, labels):
        raise WorkError(
            f"{shards}: its label table differs from the model's"
            f" ({len(labels.countries)} countries against"
            f" {len(trained.description.labels.countries)}); evaluate on shards of the selection"
            " that it was trained on"
        )
    samples = read_samples(shards, split, labels)
    outcomes, loss = _outcomes(trained, samples)
    result = {
        "model": path.name,
        "data_sha256": digest,
        "split": split,
        "countries": len(labels.countries),
        **figures(outcomes),
        "loss": float(np.mean(loss)),
        **baselines(labels, samples),
        "per_country": per_country(labels, outcomes),
    }
    name = "evaluation.json" if split == "test" else f"evaluation-{split}.json"
    write_json(path.parent / name, result)
    return result


def baselines(labels: Labels, samples: Samples) -> dict[str, float]:
    """Top-1 of guessing at random, and of always guessing the training split's largest country."""
    majority = max(labels.countries, key=lambda country: country.samples)
    return {
        "chance_top1": 1 / len(labels.countries),
        "majority_top1": float(np.mean(samples.country == majority.index)),
    }


def per_country(labels: Labels, outcomes: Outcomes) -> dict[str, Any]:
    """Samples, recall and median km of every country that occurs in the split, by its code."""
    rows = {}
    for country in labels.countries:
        mine = outcomes.country == country.index
        if not mine.any():
            continue
        distance = outcomes.distance_km[mine]
        known = distance[~np.isnan(distance)]
        rows[country.code] = {
            "samples": int(mine.sum()),
            "top1": float(np.mean(outcomes.rank[mine] == 0)),
            "median_km": float(np.median(known)) if len(known) else None,
        }
    return rows


def _outcomes(trained: TrainedModel, samples: Samples) -> tuple[Outcomes, Any]:
    description = trained.description
    config: Config = config_from(description.config)
    heads = Heads(config.heads, description.labels, trained.decoder.cells)
    device = local_device()
    with (
        Loader(samples, threads=2, targets=heads.targets(samples)) as loader,
        progress("samples", len(samples)) as advance,
    ):
        evaluator = Evaluator(
            loader,
            trained.decoder,
            heads,
            (description.preprocessing.width, description.preprocessing.height),
            BATCH_SIZE,
            config.precision,
        )
        return evaluator.outcomes(trained.network.to(device), Process(device=device), advance)
