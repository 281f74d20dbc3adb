"""Embeddings: what a model's heads see of photographs, and answers from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shards.console import progress
from shards.errors import UsageError
from shards.manifest import file_sha256
from training.config import config_from
from training.data.images import Pixels
from training.data.labels import read_labels, same_classes
from training.data.loader import Loader, View
from training.data.plan import evaluation_batches
from training.data.remote import local_shards
from training.data.samples import Samples, read_samples
from training.evaluation.inference import to_numpy
from training.model.cells.build import region_ids
from training.model.decode import Answers
from training.model.modelfile import TrainedModel, load_model, model_path
from training.model.retrieval import (
    FILE_NAME,
    Embeddings,
    Gallery,
    Ints,
    Method,
    normalised,
    read_gallery,
    refiner,
    write_gallery,
)
from training.process import local_device

BATCH_SIZE = 64


def embed_training_split(model: Path, shards: str | Path) -> dict[str, Any]:
    """Writes the embeddings of the training samples that have coordinates beside the model."""
    path = model_path(model)
    trained = load_model(path)
    shards = local_shards(shards)
    labels = read_labels(shards)
    if not same_classes(trained.description.labels, labels):
        raise UsageError(
            f"{shards}: its label table differs from that of {path}; give the shards that the model"
            " was trained on"
        )
    samples = read_samples(shards, "train", labels)
    samples = take(samples, np.flatnonzero(~np.isnan(samples.lat) & ~np.isnan(samples.lon)))
    if not len(samples):
        raise UsageError(f"{shards}: no training sample has coordinates; nothing to look up")
    positions = np.column_stack([samples.lat, samples.lon])
    cells = trained.decoder.answered_cells
    gallery = Gallery(
        normalised(embed_samples(trained, samples)),
        positions,
        cells.assign(positions, region_ids(labels, samples))
        if cells
        else np.full(len(samples), -1, dtype=np.int64),
    )
    target = path.parent / FILE_NAME
    write_gallery(target, gallery, file_sha256(path))
    return {
        "embeddings": str(target),
        "samples": len(samples),
        "features": gallery.embeddings.shape[1],
    }


def refine(trained: TrainedModel, path: Path, method: Method) -> None:
    """From now on the model's positions come from the embeddings beside its file."""
    path = model_path(path)
    gallery = read_gallery(path.parent / FILE_NAME, file_sha256(path))
    trained.decoder.refiner = refiner(gallery, method)


def embed_samples(trained: TrainedModel, samples: Samples) -> Embeddings:
    """(n, features) of a split's samples, in their order."""
    size = trained.description.preprocessing
    plan = evaluation_batches(len(samples), batch_size=BATCH_SIZE, world_size=1, rank=0)
    found = []
    shown = size.width, size.height
    with Loader(samples, shown, threads=2) as loader, progress("samples", len(samples)) as advance:
        for batch in loader.batches(plan, View(shown)):
            found.append(embed_images(trained, batch.images))
            advance(len(batch.indices))
    return np.concatenate(found)


def embed_images(trained: TrainedModel, images: torch.Tensor | list[Pixels]) -> Embeddings:
    """(n, features) of (n, height, width, 3) uint8 pixels of the network's size."""
    device = local_device()
    network = trained.network.to(device).eval()
    pixels = images if isinstance(images, torch.Tensor) else torch.from_numpy(np.stack(images))
    bfloat16 = config_from(trained.description.config).precision == "bfloat16"
    with (
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=bfloat16),
    ):
        return network.features(pixels.to(device)).float().cpu().numpy()


def heads_of(trained: TrainedModel, embeddings: Embeddings) -> dict[str, torch.Tensor]:
    """The heads' outputs, (n, head size) float32 on the CPU."""
    device = local_device()
    with torch.inference_mode():
        features = torch.from_numpy(embeddings).to(device)
        heads = trained.network.to(device).heads
        return {name: head(features).float().cpu() for name, head in heads.items()}


def answers_of(trained: TrainedModel, embeddings: Embeddings) -> Answers:
    return trained.decoder.answers(to_numpy(heads_of(trained, embeddings)), embeddings)


def take(samples: Samples, rows: Ints) -> Samples:
    """Some of the samples, in the order of `rows`."""
    return replace(
        samples,
        keys=[samples.keys[row] for row in rows.tolist()],
        **{
            name: getattr(samples, name)[rows]
            for name in ("tar", "offset", "size", "lat", "lon", "country", "region")
        },
    )
