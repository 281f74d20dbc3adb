"""What a model file says about itself: all that using it needs besides numbers, and its card."""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from shards.labels import Labels
from training.config import NOT_IDENTITY, Config
from training.data.rights import OWN_LICENCE, Licence, licence_of_weights
from training.head_config import Positive
from training.model.cells.table import CellTable
from training.model.decode import Decoder

FORMAT: Literal["lostfound-model"] = "lostfound-model"
FORMAT_VERSION = 3
INTENDED_USE = (
    "Guessing the country, region and position of outdoor photographs taken at street level: for"
    " research on image geolocation, for sorting one's own pictures, for games of geography."
)
LIMITS = (
    "A guess is no evidence: single answers are often wrong by hundreds of kilometres. Do not use"
    " it to find out where a person lives or is. It knows only the countries in its label table; a"
    " photograph from anywhere else is given one of them. Places with few training photographs are"
    " guessed worse, and indoor, aerial and edited pictures at random. Its probabilities hold for"
    " photographs like those that it was trained on."
)
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Preprocessing(_Part):
    """How a photograph becomes the network's input; the normalisation is inside the network."""

    width: int = Field(ge=1, le=4096)
    height: int = Field(ge=1, le=4096)
    crop: Literal["centre"] = "centre"
    resize: Literal["area"] = "area"
    colour: Literal["rgb"] = "rgb"


class LicenceCount(_Part):
    name: str
    """As the rows have it; empty where they name none."""
    url: str
    samples: NonNegativeInt


class TrainingData(_Part):
    """The shards that a model was trained on."""

    name: str
    sha256: Sha256
    """Of their manifest, which holds the hash of every file."""
    samples: NonNegativeInt
    """Of the training split."""
    licences: list[LicenceCount]
    """The most frequent first."""


class Description(_Part):
    format: Literal["lostfound-model"] = FORMAT
    format_version: int = FORMAT_VERSION
    network: str
    preprocessing: Preprocessing
    labels: Labels
    cells: dict[str, CellTable]
    """What the classes of each region head are, by its name."""
    temperature: dict[str, Positive] = {}
    """By the name of a head of classes: what its logits are divided by; 1 where none is named."""
    config: dict[str, Any]
    """With the list of heads, in which the weights of each go by its name."""
    data: TrainingData
    training: dict[str, Any]
    """Steps, epoch and validation figures of these weights."""
    licence: str = OWN_LICENCE
    """Of the weights, an SPDX expression; see `training.data.rights`."""
    intended_use: str = INTENDED_USE
    limits: str = LIMITS
    code_version: str


def describe(
    config: Config,
    decoder: Decoder,
    data: TrainingData,
    training: dict[str, Any],
    code_version: str,
) -> Description:
    return Description.model_validate(
        {
            "network": config.network,
            "preprocessing": {"width": config.image.width, "height": config.image.height},
            "labels": decoder.labels,
            "cells": {name: cells.table for name, cells in decoder.cells.items()},
            "temperature": dict(decoder.temperature),
            "config": config.model_dump(mode="json", exclude=NOT_IDENTITY),
            "data": data,
            "training": training,
            "licence": licence_of_weights(
                Counter({(entry.name, entry.url): entry.samples for entry in data.licences})
            ),
            "code_version": code_version,
        }
    )


def training_data(name: str, sha256: str, samples: int, licences: Counter[Licence]) -> TrainingData:
    counts = sorted(licences.items(), key=lambda item: (-item[1], item[0]))
    return TrainingData(
        name=name,
        sha256=sha256,
        samples=samples,
        licences=[LicenceCount(name=n, url=url, samples=count) for (n, url), count in counts],
    )
