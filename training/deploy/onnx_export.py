"""A model as ONNX, for runtimes without PyTorch: pixels in, every head's outputs out.

Input `images`: (batch, height, width, 3) uint8, RGB, cropped and resized as the model file's
preprocessing says; normalisation is in the graph. Outputs: each head by its name, (batch, size)
float32, and for heads of classes `<name>_probability`: softmax(logits / temperature). What the
classes are stands in the metadata property `lostfound`, a JSON object.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shards.atomic import write_bytes
from shards.errors import UsageError, WorkError
from shards.manifest import file_sha256
from training.config import config_from
from training.model.modelfile import TrainedModel, load_model, model_path

INPUT = "images"
PROBABILITY = "_probability"
METADATA_KEY = "lostfound"
TOLERANCE = 1e-4
"""Between outputs of PyTorch and of ONNX Runtime, relative to outputs larger than 1."""
_PROBED_BATCHES = (1, 3)


def export_onnx(model: Path, out: Path) -> dict[str, Any]:
    """Writes the file atomically; returns a summary.

    Where ONNX Runtime is installed its outputs are compared first; the summary's
    `largest_difference` is None where it is not. Raises UsageError without the packages that
    write ONNX, WorkError for a network that cannot be written or gives other outputs.
    """
    _check_installed()
    path = model_path(model)
    trained = load_model(path)
    network = _Exported(trained).eval()
    data = _serialised(network, trained, path)
    difference = _difference(network, trained, data) if find_spec("onnxruntime") else None
    if difference is not None and not difference <= TOLERANCE:
        raise WorkError(
            f"{path}: in ONNX its outputs differ by {difference:.2g}; {out} is not written"
        )
    write_bytes(out, data)
    return {
        "onnx": str(out),
        "bytes": len(data),
        "outputs": network.names,
        "largest_difference": difference,
    }


def _check_installed() -> None:
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise UsageError(f"{package} is not installed; `pip install lostfound[onnx]`")


class _Exported(nn.Module):
    """The network with a tuple of outputs, in the order of `names`."""

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.network = trained.network.cpu().float()
        heads = config_from(trained.description.config).heads
        given = trained.description.temperature
        self.temperature = {
            head.name: given.get(head.name, 1.0)
            for head in heads
            if head.kind in ("country", "region")
        }
        self.names = [head.name for head in heads]
        self.names += [name + PROBABILITY for name in self.temperature]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        outputs: dict[str, Tensor] = self.network(images)
        for name, temperature in self.temperature.items():
            outputs[name + PROBABILITY] = torch.softmax(outputs[name] / temperature, dim=1)
        return tuple(outputs[name] for name in self.names)


def _serialised(network: _Exported, trained: TrainedModel, path: Path) -> bytes:
    with _quiet():
        try:
            program = torch.onnx.export(
                network,
                (_pixels(trained, 2),),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=network.names,
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            )
        except Exception as error:  # the exporter raises whatever an operator raises
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            name = trained.description.network
            raise WorkError(f"{path}: {name} cannot be written as ONNX ({reason})") from None
    assert program is not None
    proto = program.model_proto
    _forget_sources(proto.graph)
    for function in proto.functions:
        _forget_sources(function)
    del proto.metadata_props[:]
    proto.metadata_props.add(key=METADATA_KEY, value=json.dumps(_metadata(trained, path)))
    proto.producer_name, proto.producer_version = "lostfound", trained.description.code_version
    return bytes(proto.SerializeToString(deterministic=True))


def _forget_sources(graph: Any) -> None:
    """The exporter notes at every node which lines of which files on this machine made it."""
    for part in (*graph.node, *graph.value_info, *getattr(graph, "initializer", ())):
        part.doc_string = ""
        del part.metadata_props[:]
    graph.doc_string = ""
    del graph.metadata_props[:]


def _metadata(trained: TrainedModel, path: Path) -> dict[str, Any]:
    """The parts of the description that using the outputs needs, and the places of classes."""
    description, decoder = trained.description, trained.decoder
    named = {
        "preprocessing",
        "temperature",
        "licence",
        "intended_use",
        "limits",
        "data",
        "training",
    }
    cells = {
        name: [
            {"id": cell.id, "name": cell.name, "lat": lat, "lon": lon, "radius_km": radius}
            for cell, (lat, lon), radius in zip(
                own.table.cells, own.midpoints.tolist(), own.radii_km.tolist(), strict=True
            )
        ]
        for name, own in decoder.cells.items()
    }
    heads = [head.model_dump(mode="json") for head in decoder.config.heads]
    return description.model_dump(mode="json", include=named) | {
        "model_sha256": file_sha256(path),
        "heads": heads,
        "position": decoder.config.position,
        "countries": [
            {"code": country.code, "name": country.name, "lat": _known(lat), "lon": _known(lon)}
            for country, (lat, lon) in zip(
                description.labels.countries, decoder.country_centres.tolist(), strict=True
            )
        ],
        "cells": cells,
    }


def _known(degrees: float) -> float | None:
    """None for the centre of a country whose photographs have no coordinates."""
    return degrees if degrees == degrees else None


def _difference(network: _Exported, trained: TrainedModel, data: bytes) -> float:
    """The largest one on a few pictures, over 1 or the size of the output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in _PROBED_BATCHES:
        images = _pixels(trained, batch)
        with torch.inference_mode():
            ours = network(images)
        theirs = session.run(network.names, {INPUT: images.numpy()})
        for own, other in zip(ours, theirs, strict=True):
            apart = (own - torch.from_numpy(other)).abs() / own.abs().clamp(min=1)
            largest = max(largest, float(apart.max()))
    return largest


def _pixels(trained: TrainedModel, batch: int) -> Tensor:
    """Smooth pictures of a few colours: noise, which no photograph is, may upset a network so much
    that rounding alone changes its outputs.
    """
    size = trained.description.preprocessing
    random = torch.Generator().manual_seed(batch)
    colours = torch.rand(batch, 3, 4, 4, generator=random) * 255
    smooth = nn.functional.interpolate(colours, (size.height, size.width), mode="bilinear")
    return smooth.permute(0, 2, 3, 1).to(torch.uint8).contiguous()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's advice is for whoever writes networks."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
