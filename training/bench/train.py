"""Training from shards, as a ratio to training on images that lie on the device already.

The baseline gives the network the same batch again and again; ours reads shards, decodes, augments
and moves a new batch for each step. Both are measured in turn in every round, and medians count.
Then some steps wait for the device after each of their parts, to say where the time goes.
"""

import os
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shards.errors import UsageError
from training.bench.loader import bench_folder, synthetic_samples
from training.data.augment import canvas_size
from training.data.loader import Batch, Loader, View
from training.data.plan import Order, training_batches
from training.data.samples import Samples
from training.data_config import AugmentConfig
from training.evaluation.inference import forward
from training.fit.optimiser import build_optimiser
from training.fit_config import OptimiserConfig
from training.model.geomodel import build_model
from training.model.losses import coordinates_loss, country_loss
from training.process import local_device

ORIGINAL_IMAGES_S = 393
"""The original's EfficientNet-B1 at 130x80, on the authors' GPU."""
COUNTRIES = 100
PARTS = ("data", "transfer", "forward", "backward", "optimiser")


@dataclass(frozen=True, slots=True)
class Case:
    network: str
    width: int
    height: int
    batch: int
    precision: str
    threads: int
    compile: bool = False

    def __str__(self) -> str:
        compiled = ", compiled" if self.compile else ""
        return (
            f"{self.network} {self.width}x{self.height}, batch {self.batch}, {self.precision}"
            f"{compiled}"
        )


def case_of(
    network: str, size: str, batch: int, precision: str, threads: int, compiled: bool
) -> Case:
    """Raises UsageError for a size or a precision that there is not."""
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size {size}: write it as 130x80")
    if precision not in ("bfloat16", "float32"):
        raise UsageError(f"--precision {precision}: bfloat16 or float32")
    return Case(network, int(width), int(height), batch, precision, threads, compiled)


def default_cases(device: torch.device) -> list[Case]:
    """The report's network at its two sizes and ResNet-50; without a GPU a small network."""
    threads = max(1, (os.cpu_count() or 2) - 2)
    if device.type == "cpu":
        return [Case("mobilenet_v3_small", 160, 90, 32, "float32", 1)]
    return [
        Case("efficientnet_b1", 130, 80, 256, "bfloat16", threads),
        Case("efficientnet_b1", 320, 180, 256, "bfloat16", threads),
        Case("resnet50", 224, 224, 256, "bfloat16", threads),
    ]


def bench_train(
    cases: list[Case] | None = None, steps: int = 0, rounds: int = 3, images: int = 2000
) -> dict[str, Any]:
    """Images per second of the first case, and `rows` for all with the milliseconds of a step.

    `steps`: of a measurement; 0: 60 on a GPU, 6 without.
    """
    device = local_device()
    steps = steps or (6 if device.type == "cpu" else 60)
    with bench_folder() as folder:
        samples = synthetic_samples(folder, images)
        chosen = cases or default_cases(device)
        rows = {str(case): _measure(case, samples, device, steps, rounds) for case in chosen}
    first = rows[str(chosen[0])]
    return {
        "name": "train",
        "case": str(chosen[0]),
        "ours": first["images_s"],
        "baseline": first["synthetic_images_s"],
        "ratio": first["ratio"],
        "unit": "images/s",
        "cpus": os.cpu_count(),
        "device": device_name(device),
        "original_images_s": ORIGINAL_IMAGES_S,
        "options": asdict(chosen[0]),
        "rows": rows,
    }


def device_name(device: torch.device) -> str:
    """What a figure was measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class _Training:
    """A network and its optimiser, a step at a time."""

    def __init__(self, case: Case, device: torch.device) -> None:
        self.case, self.device = case, device
        sizes = {"country": COUNTRIES, "coordinates": 3}
        model = build_model(case.network, sizes).to(device).train()
        model = model.to(memory_format=torch.channels_last)
        self.optimiser = build_optimiser(model, OptimiserConfig())
        self.network: nn.Module = model
        if case.compile:
            self.network = torch.compile(model)  # type: ignore[assignment]

    def step(self, batch: Batch, clock: "_Clock") -> None:
        self.optimiser.zero_grad()
        outputs = forward(self.network, batch.images, self.case.precision)
        country, direction = batch.targets["country"], batch.targets["direction"]
        losses = country_loss(outputs["country"], country)
        loss = (losses + coordinates_loss(outputs["coordinates"], direction)).mean()
        clock.ends("forward")
        loss.backward()  # type: ignore[no-untyped-call]
        clock.ends("backward")
        self.optimiser.step()
        clock.ends("optimiser")


class _Clock:
    """Seconds of each part of a step; waits for the device only when it is `exact`."""

    def __init__(self, device: torch.device, *, exact: bool) -> None:
        self._device, self._exact = device, exact
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._last = time.perf_counter()

    def ends(self, part: str) -> None:
        if self._exact:
            wait_for(self._device)
            now = time.perf_counter()
            self.seconds[part] += now - self._last
            self._last = now


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _measure(
    case: Case, samples: Samples, device: torch.device, steps: int, rounds: int
) -> dict[str, Any]:
    training = _Training(case, device)
    with _loader(case, samples, device) as loader:
        first = next(_batches(case, loader)).to(device)
        _run(training, iter([first] * 3), 3)  # whatever is done at the first time only
        ours, synthetic = [], []
        for _ in range(rounds):
            synthetic.append(_run(training, iter([first] * steps), steps))
            ours.append(_run(training, _batches(case, loader), steps))
        clock = _Clock(device, exact=True)
        _run(training, _batches(case, loader), steps, clock)
    pairs = zip(ours, synthetic, strict=True)
    return {
        "images_s": round(statistics.median(ours), 1),
        "synthetic_images_s": round(statistics.median(synthetic), 1),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
        "against_original": round(statistics.median(ours) / ORIGINAL_IMAGES_S, 2),
        "step_ms": {part: round(1000 * clock.seconds[part] / steps, 2) for part in PARTS},
    }


def _run(
    training: _Training, batches: Iterator[Batch], steps: int, clock: _Clock | None = None
) -> float:
    """Images per second over so many steps, the wait for the last one included."""
    device = training.device
    wait_for(device)
    start = time.perf_counter()
    clock = clock or _Clock(device, exact=False)
    for _ in range(steps):
        batch = next(batches)
        clock.ends("data")
        moved = batch.to(device)
        clock.ends("transfer")
        training.step(moved, clock)
    wait_for(device)
    return steps * training.case.batch / (time.perf_counter() - start)


@contextmanager
def _loader(case: Case, samples: Samples, device: torch.device) -> Iterator[Loader]:
    """A loader as training has it, with made-up labels."""
    random = np.random.default_rng(0)
    direction = random.normal(size=(len(samples), 3)).astype(np.float32)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    targets: dict[str, NDArray[Any]] = {
        "country": random.integers(0, COUNTRIES, len(samples)),
        "direction": direction,
    }
    canvas = canvas_size(case.width, case.height, AugmentConfig(), samples.frame)
    with Loader(
        samples, canvas, threads=case.threads, targets=targets, device=device, scaled=True
    ) as loader:
        yield loader


def _batches(case: Case, loader: Loader) -> Iterator[Batch]:
    """Epoch after epoch, each with its own changes."""
    samples = loader.samples
    order = Order(samples.hashes, samples.country, samples.tar)
    for epoch in range(1_000_000):
        plan = training_batches(order, batch_size=case.batch, epoch=epoch, world_size=1, rank=0)
        view = View((case.width, case.height), AugmentConfig(), 0, epoch)
        yield from loader.batches(plan, view)
