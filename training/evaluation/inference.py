"""A network over a whole split: what became of each sample, over one process or many."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shards.console import Advance
from training.data.loader import Loader, View
from training.data.plan import evaluation_batches
from training.evaluation.metrics import figures
from training.evaluation.outcomes import Judge, Outcomes, truth_of
from training.model.decode import Decoder
from training.model.heads import Heads
from training.process import Process


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates one split again and again while the network changes."""

    loader: Loader
    decoder: Decoder
    heads: Heads
    size: tuple[int, int]
    """Width and height of the network's input."""
    batch_size: int
    """Per process."""
    precision: str = "float32"

    def evaluate(self, network: nn.Module, process: Process) -> dict[str, Any]:
        """The figures of `evaluation.metrics`. The same in every process."""
        return figures(self.outcomes(network, process))

    def outcomes(
        self,
        network: nn.Module,
        process: Process,
        advance: Advance | None = None,
        judge: Judge | None = None,
    ) -> Outcomes:
        """Per sample of the split, in its order. `judge`: of another truth than the samples' own.

        Each process fills in its own share of a table of zeros; the sum is everyone's table. It
        has 200 bytes for each sample, however many classes there are.
        """
        samples = self.loader.samples
        judge = judge or Judge(self.decoder, truth_of(samples, self.decoder))
        table = judge.empty()
        network.eval()
        plan = evaluation_batches(
            len(samples),
            batch_size=self.batch_size,
            world_size=process.world_size,
            rank=process.rank,
        )
        heads = self.heads.to(process.device)
        with torch.inference_mode():
            for batch in self.loader.batches(plan, View(self.size)):
                moved = batch.to(process.device)
                outputs = forward(network, moved.images, self.precision)
                loss = heads.weighted(heads(outputs, moved.targets)).double().cpu().numpy()
                arrays = to_numpy(outputs)
                answers = self.decoder.answers(arrays)
                table[batch.indices] = judge.rows(arrays, answers, batch.indices, loss)
                if advance:
                    advance(len(batch.indices))
        return judge.outcomes(process.sum(torch.from_numpy(table)).numpy())

    def attempt(self, network: nn.Module, samples: int) -> None:
        """Needs the memory that a batch of so many samples needs."""
        plan = [np.arange(samples, dtype=np.int64) % len(self.loader.samples)]
        with torch.inference_mode():
            for batch in self.loader.batches(plan, View(self.size)):
                device = next(network.parameters()).device
                forward(network, batch.to(device).images, self.precision)


def forward(network: nn.Module, images: Tensor, precision: str) -> dict[str, Tensor]:
    """The network's outputs in float32; `bfloat16` computes in mixed precision."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        outputs: dict[str, Tensor] = network(images)
    return {name: output.float() for name, output in outputs.items()}


def to_numpy(outputs: dict[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: output.cpu().numpy() for name, output in outputs.items()}
