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
from training.data.samples import Samples
from training.evaluation.metrics import Outcomes, figures
from training.geometry import Floats, haversine_km
from training.model.decode import Answers, Decoder
from training.model.heads import Heads
from training.process import Process

_COLUMNS = ("predicted", "rank", "distance_km", "loss")


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
        """All figures of `evaluation.metrics`, and the mean loss. The same in every process."""
        outcomes, loss = self.outcomes(network, process)
        return {**figures(outcomes), "loss": float(loss.mean())}

    def outcomes(
        self, network: nn.Module, process: Process, advance: Advance | None = None
    ) -> tuple[Outcomes, Floats]:
        """Per sample of the split, in its order: what became of it, and its loss.

        Each process fills in its own share of a table of zeros; the sum is everyone's table.
        """
        samples = self.loader.samples
        table = np.zeros((len(samples), len(_COLUMNS)))
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
                loss = heads.weighted(heads(outputs, moved.targets))
                answers = self.decoder.answers(to_numpy(outputs))
                table[batch.indices, :3] = judge(answers, samples, batch.indices)
                table[batch.indices, 3] = loss.double().cpu().numpy()
                if advance:
                    advance(len(batch.indices))
        table = process.sum(torch.from_numpy(table)).numpy()
        return outcomes_from(table, samples), table[:, 3]


def outcomes_from(table: Floats, samples: Samples) -> Outcomes:
    """`table`: columns of `judge`, a row for each sample."""
    return Outcomes(
        country=samples.country,
        predicted=table[:, 0].astype(np.int64),
        rank=table[:, 1].astype(np.int64),
        distance_km=table[:, 2],
    )


def judge(answers: Answers, samples: Samples, rows: NDArray[np.int64]) -> Floats:
    """(rows, 3): predicted country, rank of the true one, km from the true position."""
    lat, lon = answers.positions.T
    distance = haversine_km(lat, lon, samples.lat[rows], samples.lon[rows])
    true = samples.country[rows]
    return np.column_stack(
        [answers.countries.argmax(axis=1), rank_of(answers.countries, true), distance]
    )


def rank_of(probabilities: Floats, true: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes stand before the true one, equal ones in index order; -1 for true = -1."""
    own = probabilities[np.arange(len(true)), true][:, None]
    before = np.arange(probabilities.shape[1]) < true[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & before)
    return np.where(true < 0, -1, ahead.sum(axis=1))


def forward(network: nn.Module, images: Tensor, precision: str) -> dict[str, Tensor]:
    """The network's outputs in float32; `bfloat16` computes in mixed precision."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        outputs: dict[str, Tensor] = network(images)
    return {name: output.float() for name, output in outputs.items()}


def to_numpy(outputs: dict[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: output.cpu().numpy() for name, output in outputs.items()}
