"""What one step does: where the host waits, and switches that must not change its result."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.exc import Unsupported
from torch.utils._python_dispatch import TorchDispatchMode

from shards.errors import UsageError
from tests.training.conftest import tiny_config
from tests.training.fit.small import build_without_norm, everything, small_networks
from training.config import Config
from training.fit import loop
from training.fit.average import Average
from training.fit.watch import LossWatch
from training.job.train import run_training
from training.model.modelfile import read_model_file

SYNCHRONISING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal"}
READS = ("cpu", "numpy", "tolist", "__array__")


class Waits(TorchDispatchMode):
    """Counts what would make the host wait, were the tensors on a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        name = function.overloadpacket.__name__
        by_mask = name.startswith("index") and any(
            isinstance(i, Tensor) and i.dtype == torch.bool
            for given in arguments[1:2]
            if isinstance(given, list | tuple)
            for i in given
        )
        if name in SYNCHRONISING or by_mask:
            self.found[name] += 1
        return function(*arguments, **(named or {}))


@contextmanager
def counted() -> Iterator[Counter[str]]:
    waits, own_thread = Waits(), threading.get_ident()

    def counting(name: str) -> Any:
        original = getattr(Tensor, name)

        def read(tensor: Tensor, *arguments: Any, **named: Any) -> Any:
            if threading.get_ident() == own_thread:  # the loader's threads read as they like
                waits.found[name] += 1
            return original(tensor, *arguments, **named)

        return read

    with pytest.MonkeyPatch.context() as patch:
        for name in READS:
            patch.setattr(Tensor, name, counting(name))
        with waits:
            yield waits.found


def _waits_of_steps(config: Config, shards: Path, runs: Path) -> tuple[Counter[str], int]:
    """What was counted within steps, and how often the losses were looked at."""
    found: Counter[str] = Counter()
    looks = 0
    step, look = loop._Run._step, LossWatch.look

    def counted_step(run: loop._Run, batch: loop.Batch) -> None:
        with counted() as waits:
            step(run, batch)
        found.update(waits)

    def counted_look(watch: LossWatch) -> Any:
        nonlocal looks
        looks += 1
        return look(watch)

    with small_networks(check_steps=3), pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Run, "_step", counted_step)
        patch.setattr(LossWatch, "look", counted_look)
        run_training(config, shards, runs, say=lambda _: None)
    return found, looks


@pytest.mark.parametrize("mixup", [0, 0.4])
def test_no_step_waits_for_the_device(mixup: float, shards: Path, tmp_path: Path) -> None:
    """Losses, clipping, optimiser and average, of all heads; looks come every third step."""
    config = everything(f"mixup={mixup}", "epochs=2")
    found, looks = _waits_of_steps(config, shards, tmp_path)
    assert not found
    assert looks == 2 * 2  # 4 steps an epoch: after the third, and at the end


def test_a_wait_would_be_counted(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Average.update

    def waiting(average: Average, model: nn.Module) -> None:
        update(average, model)
        first = next(model.parameters())
        if first.sum() > 0 or first.mean().item() > 0 or len(first[first > 0].cpu()):
            pass

    monkeypatch.setattr(Average, "update", waiting)
    found, _ = _waits_of_steps(everything("epochs=1"), shards, tmp_path)
    assert found["_local_scalar_dense"] >= 4


def _weights(config: Config, shards: Path, runs: Path) -> Tensor:
    run = run_training(config, shards, runs, say=lambda _: None)["run"]
    tensors = read_model_file(Path(run) / "model.safetensors")[1]
    return torch.cat([tensors[name].double().flatten() for name in sorted(tensors)])


def test_accumulated_gradients_are_those_of_the_whole_batch(shards: Path, tmp_path: Path) -> None:
    with small_networks(build_without_norm):
        whole = _weights(tiny_config("dropout=0"), shards, tmp_path)
        parts = _weights(tiny_config("dropout=0", "accumulate=3"), shards, tmp_path)
    assert torch.allclose(whole, parts, atol=1e-5)
    assert not torch.equal(whole, parts)


def test_the_order_in_memory_changes_nothing(shards: Path, tmp_path: Path) -> None:
    with small_networks():
        plain = _weights(tiny_config(), shards, tmp_path)
        last = _weights(tiny_config("channels_last=true"), shards, tmp_path)
    assert torch.allclose(plain, last, atol=1e-6)


def test_bfloat16_is_near_float32(shards: Path, tmp_path: Path) -> None:
    with small_networks():
        exact = _weights(tiny_config("epochs=1"), shards, tmp_path)
        mixed = _weights(tiny_config("epochs=1", "precision=bfloat16"), shards, tmp_path)
    assert not torch.equal(exact, mixed)
    assert torch.allclose(exact, mixed, atol=0.03)


@pytest.mark.slow
def test_compiled_and_eager_agree(shards: Path, tmp_path: Path) -> None:
    """Compiled for two sizes of pictures, which takes most of a minute."""
    options = "dropout=0", "progressive=[{until: 0.5, width: 24, height: 16}]", "ema_decay=0.5"
    with small_networks():
        eager = _weights(tiny_config(*options), shards, tmp_path)
        compiled = _weights(tiny_config(*options, "compile=true"), shards, tmp_path)
    assert torch.allclose(eager, compiled, atol=1e-6)


def test_a_network_that_cannot_be_compiled(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_run: loop._Run, _batch: loop.Batch) -> None:
        raise Unsupported("No working C++ compiler\nand much more")

    monkeypatch.setattr(loop._Run, "_step", refuse)
    message = r"shufflenet_v2_x0_5 cannot be compiled here \(No working.*\); set compile=false"
    with small_networks(), pytest.raises(UsageError, match=message):
        run_training(tiny_config("compile=true"), shards, tmp_path, say=lambda _: None)
