import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from shards.errors import LostFoundError, UsageError, WorkError
from training.model.modelfile import load_model, read_model_file, write_model


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
    assert len(description.data_sha256) == 64
    assert description.licence
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
    newer = trained.description.model_copy(update={"format_version": 3})
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
