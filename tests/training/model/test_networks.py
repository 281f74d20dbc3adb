import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shards.errors import UsageError
from training.model.geomodel import build_model
from training.model.modelfile import load_model
from training.model.networks import build_trunk

SIZES = {"country": 5}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("mobilenet_v3_smal", "near: mobilenet_v3_small"),
        ("squeezenet1_0", "no single classifier"),
        ("../evil", "torchvision has none"),
        ("timm:resnet1", "timm has none of this name; near: resnet"),
    ],
)
def test_unknown_networks(network: str, message: str) -> None:
    if network.startswith("timm:"):
        pytest.importorskip("timm")
    with pytest.raises(UsageError, match=message):
        build_trunk(network, "none")


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(UsageError, match="timm is not installed; `pip install timm`"):
        build_trunk("timm:resnet18", "none")


@pytest.mark.parametrize("network", ["timm:resnet10t", "timm:mobilenetv3_small_050"])
def test_networks_of_timm(network: str) -> None:
    pytest.importorskip("timm")
    model = build_model(network, SIZES).eval()
    images = torch.zeros(2, 48, 64, 3, dtype=torch.uint8)
    assert model(images)["country"].shape == (2, 5)


@pytest.mark.parametrize("network", ["resnet18", "timm:resnet18.a1_in1k"])
def test_imagenet_weights_offline(
    network: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if network.startswith("timm:"):
        pytest.importorskip("timm")
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"cannot be downloaded .*weights=none") as caught:
        build_trunk(network, "imagenet")
    assert "\n" not in str(caught.value)


class _Weights(BaseHTTPRequestHandler):
    """Another file than the one that is asked for, or only its beginning."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2000" if "cut" in self.path else "9")
        self.end_headers()
        self.wfile.write(b"not these")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("kind", ["cut", "other", "cache"])
def test_damaged_imagenet_weights(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    if kind == "cache":
        (folder / "resnet18-f37072fd.pth").write_bytes(b"PK\x03\x04 half of it")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Weights)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/{kind}/resnet18-f37072fd.pth"
        monkeypatch.setattr(models.ResNet18_Weights.DEFAULT.value, "url", url)
        with pytest.raises(UsageError, match=r"damaged .*checkpoints if .*weights=none") as caught:
            build_trunk("resnet18", "imagenet")
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(caught.value)
    # What was downloaded is not left behind for the next attempt to be taken for the weights.
    assert len(list(folder.iterdir())) == (kind == "cache")
    build_trunk("resnet18", "none")


@pytest.mark.parametrize("kind", ["pth", "safetensors", "cache"])
def test_published_weights(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As torchvision publishes them, with the ImageNet classifier; given by path, or cached."""
    from torchvision import models

    published = models.resnet18(weights=None)
    if kind == "cache":
        folder = tmp_path / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        torch.save(published.state_dict(), folder / "resnet18-f37072fd.pth")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        trunk = build_trunk("resnet18", "imagenet")
    else:
        path = tmp_path / f"w.{kind}"
        if kind == "pth":
            torch.save(published.state_dict(), path)
        else:
            save_file(published.state_dict(), path)
        trunk = build_trunk("resnet18", str(path))
    state = trunk.module.state_dict()
    assert "fc.weight" not in state
    assert all(torch.equal(state[name], published.state_dict()[name]) for name in state)


def test_the_trunk_of_a_model_of_ours(run: Path) -> None:
    path = run / "model.safetensors"
    trunk = build_trunk("shufflenet_v2_x0_5", str(path))
    expected = load_model(path).network.trunk.state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in trunk.module.state_dict().items())
    with pytest.raises(UsageError, match="a shufflenet_v2_x0_5, not a resnet18"):
        build_trunk("resnet18", str(path))


def test_files_that_are_not_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with pytest.raises(UsageError, match="no such file"):
        build_trunk("resnet18", str(path))
    for content, message in (
        ({"conv1.weight": torch.zeros(1)}, "not of a resnet18: it lacks bn1.weight"),
        ({"epoch": 3}, "not a state dictionary"),
        ([1], "not a state dictionary"),
    ):
        torch.save(content, path)
        with pytest.raises(UsageError, match=message):
            build_trunk("resnet18", str(path))
    other = build_trunk("resnet34", "none").module.state_dict()
    torch.save({**other, "conv1.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(UsageError, match=r"another shape of conv1\.weight"):
        build_trunk("resnet18", str(path))
    for data in (b"", b"PK\x03\x04 broken", b"\x80\x04cos\nsystem\n"):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="not a file of weights"):
            build_trunk("resnet18", str(path))
