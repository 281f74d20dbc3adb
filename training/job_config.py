"""How a run is spread over machines, and where its figures go; not part of its identity."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from training.head_config import NonNegative, Section

Count = Annotated[int, Field(ge=1)]
Grid = dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]]
REPORT_GRID: Grid = {
    "optimiser.head_lr": (1e-1, 1e-2, 1e-3, 1e-4, 1e-5),
    "optimiser.weight_decay": (0.0, 1e-1, 1e-2, 1e-3),
}
"""What the report tried for each of its models."""


class JobConfig(Section):
    """How the work is spread; not part of a run's identity, so it may go on with other values."""

    workers: Annotated[int, Field(ge=0)] | tuple[Count, Count] = 2
    """Ray Train workers; 0 trains in this process, without Ray.

    [least, most] is elastic: as many as there is room for. When machines come or go, the run goes
    on from its checkpoint with another number of workers, and sees the same samples in the same
    order; its weights are bitwise those of another run only where both had the same numbers.
    """
    cpus_per_worker: int = Field(default=1, ge=1)
    loader_threads: int = Field(default=1, ge=0, le=64)
    """Threads per worker that read and decode images; 0 does it between the steps."""
    checkpoint_seconds: NonNegative = 60.0
    """A run that is killed loses this much work, and a few steps."""
    max_failures: int = Field(default=2, ge=0)
    """Restarts from the last checkpoint after a worker or its machine died."""

    @field_validator("workers")
    @classmethod
    def _in_order(cls, workers: int | tuple[int, int]) -> int | tuple[int, int]:
        if isinstance(workers, tuple) and workers[0] > workers[1]:
            raise ValueError(f"[least, most]: {workers[0]} is more than {workers[1]}")
        return workers

    @property
    def is_elastic(self) -> bool:
        return not isinstance(self.workers, int)

    @property
    def most_workers(self) -> int:
        return self.workers if isinstance(self.workers, int) else self.workers[1]


class TrackConfig(Section):
    """Where a run's figures go besides `steps.jsonl` and `metrics.jsonl`."""

    tensorboard: bool = True
    """Event files in the run's directory, for `tensorboard --logdir RUNS`."""
    wandb: str = ""
    """Project of Weights & Biases; empty does not use it. The key comes from WANDB_API_KEY."""
