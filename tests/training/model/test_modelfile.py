import json
import math
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from shards.errors import LostFoundError, UsageError, WorkError
from training.model import modelfile
from training.model.modelfile import load_model, read_model_file, write_model

Tensors = dict[str, Tensor]


def test_round_trip(run: Path, tmp_path: Path) -> None:
    trained = load_model(run)
    copy = tmp_path / "copy.safetensors"
    write_model(copy, trained.description, trained.network.state_dict(), trained.decoder)
    again = load_model(copy)
    assert again.description == trained.description
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        one, other = trained.network(images), again.network(images)
    assert set(one) == {"country", "region", "coordinates"}
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert copy.read_bytes() == (run / "model.safetensors").read_bytes()


def test_it_says_what_it_is(run: Path) -> None:
    description, _ = read_model_file(run / "model.safetensors")
    assert description.network == "shufflenet_v2_x0_5"
    assert [country.code for country in description.labels.countries] == ["BR", "DE", "JP", "SE"]
    assert (description.preprocessing.width, description.preprocessing.height) == (32, 32)
    assert len(description.data.sha256) == 64
    assert (description.data.samples, description.licence) == (32, "Apache-2.0")
    assert "Guessing" in description.intended_use
    assert "no evidence" in description.limits
    assert description.temperature == {}
    assert description.training["samples"] == 32


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_flipped_bit_is_found(run: Path, tmp_path: Path, place: float) -> None:
    data = bytearray((run / "model.safetensors").read_bytes())
    data[int(len(data) * place)] ^= 4
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(WorkError, match="does not match its hash"):
        load_model(path)


def test_an_edited_description_is_found(run: Path, tmp_path: Path) -> None:
    source, path = run / "model.safetensors", tmp_path / "m.safetensors"
    with safe_open(source, framework="pt") as file:
        text = file.metadata()["lostfound"]
    for changed, message in (
        (text.replace("Brazil", "Atlantis"), "does not match its hash"),
        ("[" * 99999, "description cannot be read"),
        ("{}", "description cannot be read"),
    ):
        save_file(load_file(source), path, {"lostfound": changed})
        with pytest.raises(WorkError, match=message):
            load_model(path)


def _rewritten(run: Path, path: Path, change: Callable[[dict[str, Any], Tensors], None]) -> Path:
    """The model with a changed description or tensors, and the right hash of both."""
    with safe_open(run / "model.safetensors", framework="pt") as file:
        values = json.loads(file.metadata()["lostfound"])["description"]
    tensors = load_file(run / "model.safetensors")
    change(values, tensors)
    content = {"description": values, "sha256": modelfile._digest(values, tensors)}
    save_file(tensors, path, {"lostfound": json.dumps(content)})
    return path


def _put(*path: Any, value: Any) -> Callable[[dict[str, Any], Tensors], None]:
    def change(values: dict[str, Any], tensors: Tensors) -> None:
        place: Any = values
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


def _tensor(name: str, value: Tensor | None) -> Callable[[dict[str, Any], Tensors], None]:
    def change(values: dict[str, Any], tensors: Tensors) -> None:
        tensors.pop(name, None)
        if value is not None:
            tensors[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put("format_version", value=2), "format version 2, this lostfound reads 3"),
        (_put("network", value=7), "network: Input should be a valid string"),
        (_put("network", value="resnet18"), "differ from the configuration"),
        (_put("preprocessing", "width", value=-32), "preprocessing.width"),
        (_put("preprocessing", "width", value=64), "differ from the configuration"),
        (_put("preprocessing", "crop", value="none"), "preprocessing.crop"),
        (_put("foreign", value=1), "foreign: Extra inputs"),
        (_put("temperature", value={"country": math.nan}), "description cannot be read"),
        (_put("temperature", value={"country": 0}), "temperature.country"),
        (_put("temperature", value={"planet": 2.0}), "no such head of classes"),
        (_put("temperature", value={"coordinates": 2.0}), "no such head of classes"),
        (_put("config", value={"heads": ["volcano"]}), "heads"),
        (_put("config", value=[]), "config"),
        (_put("data", "sha256", value="0"), "data.sha256"),
        (_put("labels", "countries", value=[]), "have (0, 2)"),
        (_put("labels", "countries", 0, "index", value=1), "not contiguous"),
        (_put("cells", value={}), "weights and description differ"),
        (_put("cells", "region", "cells", value=[]), "have (0, 2)"),
        (_put("cells", "region", "cells", 0, "countries", value={"BR": -3}), "cells.region"),
        (_tensor("foreign", torch.zeros(2)), "Unexpected key"),
        (_tensor("model.heads.country.bias", None), "Missing key"),
        (_tensor("model.heads.country.bias", torch.zeros(5)), "size mismatch"),
        (_tensor("model.heads.country.bias", torch.full((4,), math.nan)), "are no numbers"),
        (_tensor("labels.country_centres", None), "labels.country_centres"),
        (_tensor("labels.country_centres", torch.zeros(4, 2)), "float32"),
        (_tensor("cells.region.midpoints", torch.full((4, 2), math.nan).double()), "lie nowhere"),
        (_tensor("cells.region.radii_km", torch.zeros(4).double()), "lie nowhere"),
    ],
)
def test_what_does_not_fit_is_one_line(
    run: Path, tmp_path: Path, change: Callable[[dict[str, Any], Tensors], None], message: str
) -> None:
    path = _rewritten(run, tmp_path / "m.safetensors", change)
    with pytest.raises(LostFoundError) as caught:
        load_model(path)
    text = str(caught.value)
    assert message in text
    assert text.startswith(str(path))
    assert "\n" not in text


@given(st.integers(0), st.integers(1, 255))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_byte_changes_the_model(run: Path, tmp_path: Path, at: int, by: int) -> None:
    """A byte may be anywhere; the header is a small part of the file, so half are put there."""
    data = bytearray((run / "model.safetensors").read_bytes())
    header = 8 + int.from_bytes(data[:8], "little")
    data[at % (header if at % 2 else len(data))] ^= by
    path = tmp_path / "tampered.safetensors"
    path.write_bytes(data)
    try:
        found = read_model_file(path)
    except LostFoundError:
        pass
    else:  # One blank for another: the same content.
        description, tensors = read_model_file(run / "model.safetensors")
        assert found[0] == description
        assert all(torch.equal(found[1][name], tensors[name]) for name in tensors)


def test_nothing_is_added_to_a_file(run: Path, tmp_path: Path) -> None:
    source, path = run / "model.safetensors", tmp_path / "m.safetensors"
    with safe_open(source, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(source), path, {**metadata, "format": "pt"})
    with pytest.raises(WorkError, match="added to"):
        load_model(path)
    path.write_bytes(source.read_bytes() + b"more")
    with pytest.raises(WorkError, match="not a model file"):
        load_model(path)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    path = tmp_path / "model.safetensors"
    for protocol in range(6):
        path.write_bytes(pickle.dumps(_Malicious(proof), protocol))
        with pytest.raises(WorkError, match="not a model file"):
            load_model(path)
    torch.save(_Malicious(proof), path)
    with pytest.raises(WorkError, match="not a model file"):
        load_model(path)
    assert not proof.exists()
    pickle.loads(pickle.dumps(_Malicious(proof)))  # it would have
    assert proof.exists()


class _Malicious:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


def test_temperature(run: Path, tmp_path: Path) -> None:
    """Logits ln 4 and 0 give 4:1; at temperature 2 they give 2:1."""
    path = tmp_path / "m.safetensors"
    cool = load_model(run).decoder
    warm = load_model(_rewritten(run, path, _put("temperature", value={"country": 2.0}))).decoder
    logits = np.full((1, 4), -100, dtype=np.float32)
    logits[0, :2] = math.log(4), 0
    outputs = {
        "country": logits,
        "region": np.zeros((1, 4), np.float32),
        "coordinates": np.ones((1, 3), np.float32),
    }
    assert cool.answers(outputs).countries[0, :2] == pytest.approx([0.8, 0.2])
    assert warm.answers(outputs).countries[0, :2] == pytest.approx([2 / 3, 1 / 3])


def test_weights_of_another_network(run: Path, tmp_path: Path) -> None:
    trained = load_model(run)
    path = tmp_path / "m.safetensors"
    other = trained.description.model_copy(update={"network": "resnet18"})
    write_model(path, other, trained.network.state_dict(), trained.decoder)
    with pytest.raises(WorkError, match="weights and description differ"):
        load_model(path)


def test_a_newer_format(run: Path, tmp_path: Path) -> None:
    trained = load_model(run)
    path = tmp_path / "m.safetensors"
    newer = trained.description.model_copy(update={"format_version": 4})
    write_model(path, newer, trained.network.state_dict(), trained.decoder)
    with pytest.raises(UsageError, match="update lostfound"):
        load_model(path)


def test_foreign_files_are_one_line(run: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, foreign)
    pickled = tmp_path / "pickled.safetensors"
    torch.save({"x": torch.zeros(2)}, pickled)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((run / "model.safetensors").read_bytes()[:5000])
    huge = tmp_path / "huge.safetensors"
    huge.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    half_run = tmp_path / "half"
    half_run.mkdir()
    for path in (foreign, pickled, cut, huge, empty, half_run, tmp_path / "absent"):
        with pytest.raises(LostFoundError) as caught:
            load_model(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
