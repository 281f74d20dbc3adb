"""The one deployable file: safetensors with the weights and all that is needed to use them.

Loading it reads numbers and JSON; nothing in it is ever executed. The description carries a
SHA-256 over itself and the tensors, so a damaged or edited file is refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from shards.atomic import atomic_path
from shards.errors import UsageError, WorkError
from shards.labels import first_problem
from training.config import Config, config_from
from training.model.cells.table import Cells
from training.model.decode import Decoder
from training.model.description import FORMAT_VERSION, Description
from training.model.geomodel import GeoModel, build_model
from training.model.heads import Heads

MODEL_NAME = "model.safetensors"
# One key, because safetensors writes several in random order.
_KEY = "lostfound"
_CENTRES, _MIDPOINTS, _RADII = "labels.country_centres", "cells.{}.midpoints", "cells.{}.radii_km"
_MODEL = "model."
_AGAIN = "copy or train it again"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class TrainedModel:
    description: Description
    network: GeoModel
    """In evaluation mode, on the CPU."""
    decoder: Decoder


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
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {_KEY: text})


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
            metadata = file.metadata() or {}
            if _KEY not in metadata:
                raise WorkError(f"{path}: a safetensors file, but not a model of lostfound")
            if len(metadata) > 1:
                raise WorkError(f"{path}: has been added to since it was written; {_AGAIN}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WorkError(f"{path}: not a model file ({error}); {_AGAIN}") from None
    return _checked_description(path, metadata[_KEY], tensors), tensors


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
        content = json.loads(text, parse_constant=_refuse_constant)
        values, digest = content["description"], content["sha256"]
        true_digest = _digest(values, tensors)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WorkError(f"{path}: its description cannot be read; {_AGAIN}") from None
    if true_digest != digest:
        raise WorkError(f"{path}: its content does not match its hash; {_AGAIN}")
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise UsageError(
            f"{path}: format version {version}, this lostfound reads {FORMAT_VERSION};"
            " update lostfound, or train again"
        )
    try:
        return Description.model_validate(values)
    except ValidationError as error:
        raise WorkError(f"{path}: cannot be understood: {first_problem(error)}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def load_model(path: Path) -> TrainedModel:
    """The model, ready to predict. `path`: a model file, or a run directory that holds one."""
    path = model_path(path)
    description, tensors = read_model_file(path)
    try:
        return _assembled(description, tensors)
    except ValidationError as error:
        raise WorkError(f"{path}: cannot be understood: {first_problem(error)}") from None
    except (RuntimeError, KeyError, ValueError, UsageError) as error:
        raise WorkError(f"{path}: weights and description differ ({_gist(error)})") from None


def _gist(error: Exception) -> str:
    """One line; torch puts what it found wrong below a heading."""
    lines = str(error).splitlines()
    return lines[min(1, len(lines) - 1)].strip()[:_SHOWN] if lines else type(error).__name__


def _assembled(description: Description, tensors: dict[str, Tensor]) -> TrainedModel:
    """Raises ValueError, KeyError, RuntimeError or UsageError for what does not fit together."""
    config = config_from(description.config)
    if (config.network, config.image.width, config.image.height) != (
        description.network,
        description.preprocessing.width,
        description.preprocessing.height,
    ):
        raise ValueError("network or image size differ from the configuration")
    left = dict(tensors)
    decoder = _decoder(description, config, left)
    heads = Heads(config.heads, decoder.labels, decoder.cells)
    network = build_model(
        description.network, heads.sizes(), half_normalisation=config.half_normalisation
    )
    network.load_state_dict({name.removeprefix(_MODEL): left[name] for name in left})
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise ValueError("weights that are no numbers")
    return TrainedModel(description, network.eval(), decoder)


def _decoder(description: Description, config: Config, tensors: dict[str, Tensor]) -> Decoder:
    """Takes what it needs out of `tensors`."""
    countries = len(description.labels.countries)
    # A country whose training photographs have no coordinates has no centre: NaN.
    centres = _taken(tensors, _CENTRES, (countries, 2))
    if np.isinf(centres).any():
        raise ValueError("centres of countries that are no numbers")
    cells = {}
    for name, table in description.cells.items():
        midpoints = _taken(tensors, _MIDPOINTS.format(name), (len(table.cells), 2))
        radii = _taken(tensors, _RADII.format(name), (len(table.cells),))
        if not (np.isfinite(midpoints).all() and np.isfinite(radii).all() and (radii > 0).all()):
            raise ValueError(f"cells of {name} that lie nowhere")
        cells[name] = Cells(table, midpoints, radii)
    return Decoder(description.labels, centres, cells, config, description.temperature)


def _taken(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    tensor = tensors.pop(name)
    if tensor.dtype != torch.float64:
        raise ValueError(f"{name} is {tensor.dtype}")
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} is {tuple(tensor.shape)}, the label tables have {shape}")
    return tensor.numpy()


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
