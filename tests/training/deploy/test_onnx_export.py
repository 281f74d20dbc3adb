import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from shards.errors import UsageError, WorkError
from tests.training.shardmaker import PLACES, picture
from training.data.images import fit, read_image
from training.deploy import onnx_export
from training.deploy.onnx_export import export_onnx
from training.model.decode import softmax
from training.model.modelfile import TrainedModel, load_model, write_model


@pytest.fixture(scope="module")
def warm(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Path]:
    """A model with a temperature, and its ONNX file."""
    trained = load_model(run)
    changed = trained.description.model_copy(update={"temperature": {"country": 2.0}})
    folder = tmp_path_factory.mktemp("onnx")
    model = folder / "model.safetensors"
    write_model(model, changed, trained.network.state_dict(), trained.decoder)
    summary = export_onnx(model, folder / "model.onnx")
    assert summary["largest_difference"] < 1e-4
    return load_model(model), Path(summary["onnx"])


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_equal_outputs(warm: tuple[TrainedModel, Path], batch: int) -> None:
    trained, path = warm
    images = np.stack([fit(picture(PLACES[n % 4], n), 32, 32) for n in range(batch)])
    session = _session(path)
    names = [output.name for output in session.get_outputs()]
    heads = ["country", "coordinates", "region"]
    assert names == [*heads, "country_probability", "region_probability"]
    found = dict(zip(names, session.run(None, {"images": images}), strict=True))
    with torch.inference_mode():
        own = trained.network(torch.from_numpy(images))
    for name, output in own.items():
        np.testing.assert_allclose(found[name], output.numpy(), atol=1e-4)
    halved = softmax(own["country"].numpy() / 2)
    np.testing.assert_allclose(found["country_probability"], halved, atol=1e-5)
    np.testing.assert_allclose(
        found["region_probability"], softmax(own["region"].numpy()), atol=1e-5
    )


def test_it_says_what_its_classes_are(warm: tuple[TrainedModel, Path]) -> None:
    trained, path = warm
    values = json.loads(_session(path).get_modelmeta().custom_metadata_map["lostfound"])
    assert [country["code"] for country in values["countries"]] == ["BR", "DE", "JP", "SE"]
    assert values["cells"]["region"][0]["id"] == "BRA-1311"
    assert values["cells"]["region"][0]["lat"] == trained.decoder.cells["region"].midpoints[0, 0]
    assert values["preprocessing"]["width"] == 32
    assert values["temperature"] == {"country": 2.0}
    assert (values["licence"], values["position"]) == ("Apache-2.0", "country")


def test_nothing_of_this_machine_is_in_it(warm: tuple[TrainedModel, Path]) -> None:
    _, path = warm
    onnx.checker.check_model(onnx.load(path), full_check=True)
    text = path.read_bytes()
    assert b".py" not in text
    assert str(Path.home()).encode() + b"/" not in text
    assert str(Path(__file__).parents[3]).encode() not in text


def test_without_onnx(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"onnx is not installed; `pip install"):
        export_onnx(run, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_other_outputs_are_not_written(
    run: Path,
    warm: tuple[TrainedModel, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The graph of a model with another temperature."""
    monkeypatch.setattr(onnx_export, "_serialised", lambda *_: warm[1].read_bytes())
    with pytest.raises(WorkError, match="outputs differ by"):
        export_onnx(run, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        "mobilenet_v3_small",
        "efficientnet_b1",
        "resnet18",
        "timm:mobilenetv4_conv_small",
    ],
)
def test_networks_on_photographs(
    run: Path, tmp_path: Path, shared_data: Path, network: str
) -> None:
    """Weights of chance with the statistics of one pass, so that outputs are of a usual size."""
    from training.config import config_from
    from training.model.geomodel import build_model
    from training.model.heads import Heads

    base = load_model(run)
    config = config_from(
        base.description.config | {"network": network, "image": {"width": 160, "height": 90}}
    )
    torch.manual_seed(0)
    sizes = Heads(config.heads, base.decoder.labels, base.decoder.cells).sizes()
    model = build_model(network, sizes, norm_momentum=1.0)
    photographs = sorted((shared_data / "photos" / "opensfm").glob("*.jpg"))
    images = np.stack([fit(read_image(path), 160, 90) for path in photographs])
    with torch.no_grad():
        model.train()(torch.from_numpy(images))
    model.eval()
    size = base.description.preprocessing.model_copy(update={"width": 160, "height": 90})
    values = {"network": network, "preprocessing": size, "config": config.model_dump(mode="json")}
    path = tmp_path / "model.safetensors"
    write_model(path, base.description.model_copy(update=values), model.state_dict(), base.decoder)
    export_onnx(path, tmp_path / "model.onnx")
    session = _session(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"images": images}), strict=True))
    with torch.inference_mode():
        own = model(torch.from_numpy(images))
    for name, output in own.items():
        assert output.abs().max() > 0.01
        np.testing.assert_allclose(found[name], output.numpy(), atol=1e-4)
