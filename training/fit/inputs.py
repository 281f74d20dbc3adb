"""What a run reads, checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path

import torch

from shards.errors import UsageError
from shards.labels import Labels
from training.config import Config
from training.data.labels import country_centres, read_labels
from training.data.remote import local_shards
from training.data.rights import training_licences
from training.data.samples import Samples, data_sha256, open_shards, read_samples
from training.fit.schedule import sizes
from training.model.decode import Decoder
from training.model.description import TrainingData, training_data
from training.model.geomodel import GeoModel, build_model, check_size
from training.model.heads import Heads, cells_for

LEAST_SAMPLES = 2
"""In one pass through the network: batch norm has no variance of a single sample."""


@dataclass(frozen=True, slots=True)
class Inputs:
    labels: Labels
    train: Samples
    validation: Samples | None
    decoder: Decoder
    data: TrainingData

    @property
    def data_sha256(self) -> str:
        return self.data.sha256


def read_inputs(config: Config, where: str | Path) -> Inputs:
    """What a run reads of the shards in a directory or at an address.

    Raises UsageError or WorkError for shards that this configuration cannot be trained on.
    """
    shards = local_shards(where)
    digest, name = data_sha256(shards), open_shards(shards).name
    labels = read_labels(shards)
    train = read_samples(shards, "train", labels)
    try:
        validation = read_samples(shards, "validation", labels)
    except UsageError as error:
        if config.best_by != "last":
            raise UsageError(f"{error}, or train with best_by=last") from None
        validation = None
    if len(train) < config.batch_size:
        raise UsageError(
            f"{shards}: {len(train)} training samples do not fill one batch of"
            f" {config.batch_size}; lower batch_size"
        )
    try:
        cells = cells_for(config.heads, labels, train)
    except UsageError as error:
        raise UsageError(f"{shards}: {error}") from None
    centres = country_centres(labels, train.country, train.lat, train.lon)
    data = training_data(name, digest, len(train), training_licences(shards))
    return Inputs(labels, train, validation, Decoder(labels, centres, cells, config), data)


def build_network(config: Config, decoder: Decoder) -> GeoModel:
    """The network that a run starts from; the same in every process."""
    torch.manual_seed(config.seed)
    network = build_model(
        config.network,
        Heads(config.heads, decoder.labels, decoder.cells).sizes(),
        weights=config.weights,
        dropout=config.dropout,
        norm_momentum=config.norm_momentum,
        half_normalisation=config.half_normalisation,
        kaiming_heads=config.kaiming_heads,
    )
    for width, height in sizes(config.progressive, config.image):
        check_size(network, width, height)
    return network


def check_batch(config: Config, world_size: int) -> None:
    """Raises UsageError when some process would get too few samples for one of its passes."""
    passes = world_size * config.accumulate
    if config.batch_size < LEAST_SAMPLES * passes:
        each = f" and {config.accumulate} passes each" if config.accumulate > 1 else ""
        raise UsageError(
            f"batch_size {config.batch_size}: too small for {world_size} workers{each};"
            f" each needs two samples per {'pass' if each else 'step'}"
        )
