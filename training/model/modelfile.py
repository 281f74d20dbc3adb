"""The one deployable file: safetensors with the weights and all that is needed to use them.

Loading it reads numbers and JSON; nothing in it is ever executed. The description carries a
SHA-256 over itself and the tensors, so a damaged or edited file is refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from shards.atomic import atomic_path
from shards.errors import UsageError, WorkError
from shards.labels import Labels
from training.config import Config, config_from
from training.model.cells.table import Cells, CellTable
from training.model.decode import Decoder
from training.model.geomodel import GeoModel, build_model
from training.model.heads import Heads

MODEL_NAME = "model.safetensors"
FORMAT: Literal["lostfound-model"] = "lostfound-model"
FORMAT_VERSION = 2
LICENCE = "Apache-2.0"
# One key, because safetensors writes several in random order.
_KEY = "lostfound"
_CENTRES, _MIDPOINTS, _RADII = "labels.country_centres", "cells.{}.midpoints", "cells.{}.radii_km"
_MODEL = "model."


class Preprocessing(BaseModel):
    """How a photograph becomes the network's input; the normalisation is inside the network."""

    model_config = ConfigDict(frozen=True)

    width: int = Field(ge=1, le=4096)
    height: int = Field(ge=1, le=4096)
    crop: Literal["centre"] = "centre"
    resize: Literal["area"] = "area"
    colour: Literal["rgb"] = "rgb"


class Description(BaseModel):
    """What the file says about itself."""

    model_config = ConfigDict(frozen=True)

    format: Literal["lostfound-model"] = FORMAT
    format_version: int = FORMAT_VERSION
    network: str
    preprocessing: Preprocessing
    labels: Labels
    cells: dict[str, CellTable]
    """What the classes of each region head are, by its name."""
    config: dict[str, Any]
    """With the list of heads, in which the weights of each go by its name."""
    data_sha256: str
    """Of the manifest of the training shards."""
    training: dict[str, Any]
    """Steps, epoch and validation figures of these weights."""
    licence: str = LICENCE
    code_version: str


@dataclass(frozen=True, slots=True)
class TrainedModel:
    description: Description
    network: GeoModel
    """In evaluation mode, on the CPU."""
    decoder: Decoder


def describe(
    config: Config, decoder: Decoder, data_sha256: str, training: dict[str, Any], code_version: str
) -> Description:
    return Description.model_validate(
        {
            "network": config.network,
            "preprocessing": {"width": config.image.width, "height": config.image.height},
            "labels": decoder.labels,
            "cells": {name: cells.table for name, cells in decoder.cells.items()},
            "config": config.model_dump(mode="json", exclude={"job"}),
            "data_sha256": data_sha256,
            "training": training,
            "code_version": code_version,
        }
    )


def write_model(
    path: Path, description: Description, state: Mapping[str, Tensor], decoder: Decoder
) -> None:
    """Writes the file atomically. `state`: the state dictionary of the `GeoModel`."""
    from safetensors.torch import save_file

    tensors = {_MODEL + name: t.detach().cpu().contiguous() for name, t in state.items()}
    tensors[_CENTRES] = torch.from_numpy(decoder.country_centres.copy())
    for name, cells in decoder.cells.items():
        tensors[_MIDPOINTS.format(name)] = torch.from_numpy(cells.midpoints.copy())
        tensors[_RADII.format(name)] = torch.from_numpy(cells.radii_km.copy())
    values = description.model_dump(mode="json")
    content = {"description": values, "sha256": _digest(values, tensors)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {_KEY: json.dumps(content, sort_keys=True)})


def read_model_file(path: Path) -> tuple[Description, dict[str, Tensor]]:
    """Description and tensors of a model file, checked against its own hash.

    Raises UsageError when there is no such file, WorkError when it is not one of ours, is of a
    newer format, or was damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UsageError(f"{path}: no such model file; `lostfound train` writes one")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise WorkError(f"{path}: a safetensors file, but not a model of lostfound")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WorkError(f"{path}: not a model file ({error}); copy or train it again") from None
    return _checked_description(path, text, tensors), tensors


def is_model_file(path: Path) -> bool:
    """True for a safetensors file that calls itself a model of ours."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def _checked_description(path: Path, text: str, tensors: Mapping[str, Tensor]) -> Description:
    try:
        content = json.loads(text)
        values, digest = content["description"], content["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WorkError(f"{path}: its description cannot be read; copy or train it again") from None
    if _digest(values, tensors) != digest:
        raise WorkError(f"{path}: its content does not match its hash; copy or train it again")
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise UsageError(
            f"{path}: format version {version}, this lostfound reads {FORMAT_VERSION};"
            " update lostfound, or train again"
        )
    try:
        description = Description.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise WorkError(f"{path}: cannot be understood: {place}: {problem['msg']}") from None
    return description


def load_model(path: Path) -> TrainedModel:
    """The model, ready to predict. `path`: a model file, or a run directory that holds one."""
    path = model_path(path)
    description, tensors = read_model_file(path)
    try:
        config = config_from(description.config)
        decoder = _decoder(description, config, tensors)
        heads = Heads(config.heads, decoder.labels, decoder.cells)
        network = build_model(description.network, heads.sizes())
        network.load_state_dict(
            {n.removeprefix(_MODEL): t for n, t in tensors.items() if n.startswith(_MODEL)}
        )
    except (RuntimeError, KeyError, ValueError, UsageError) as error:
        reason = str(error).splitlines()[0]
        raise WorkError(f"{path}: weights and description differ ({reason})") from None
    return TrainedModel(description, network.eval(), decoder)


def _decoder(description: Description, config: Config, tensors: Mapping[str, Tensor]) -> Decoder:
    cells = {}
    for name, table in description.cells.items():
        midpoints, radii = tensors[_MIDPOINTS.format(name)], tensors[_RADII.format(name)]
        if len(midpoints) != len(table.cells) or len(radii) != len(table.cells):
            raise ValueError(f"{len(table.cells)} cells of {name} have other midpoints")
        cells[name] = Cells(table, midpoints.numpy(), radii.numpy())
    return Decoder(description.labels, tensors[_CENTRES].numpy(), cells, config)


def model_path(path: Path) -> Path:
    """The model file of a run directory, or `path` itself."""
    if not path.is_dir():
        return path
    if not (path / MODEL_NAME).is_file():
        raise UsageError(f"{path}: holds no {MODEL_NAME}; run `lostfound train` to its end")
    return path / MODEL_NAME


def _digest(description: Any, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
