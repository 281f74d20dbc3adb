"""How a run is spread over machines, and where its figures go; not part of its identity."""

from typing import Annotated, Any

from pydantic import Field

from training.head_config import NonNegative, Section

Grid = dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]]
REPORT_GRID: Grid = {
    "optimiser.head_lr": (1e-1, 1e-2, 1e-3, 1e-4, 1e-5),
    "optimiser.weight_decay": (0.0, 1e-1, 1e-2, 1e-3),
}
"""What the report tried for each of its models."""


class JobConfig(Section):
    """How the work is spread; not part of a run's identity, so it may go on with other values."""

    workers: int = Field(default=2, ge=0)
    """Ray Train workers; 0 trains in this process, without Ray."""
    cpus_per_worker: int = Field(default=1, ge=1)
    loader_threads: int = Field(default=1, ge=0, le=64)
    """Threads per worker that read and decode images; 0 does it between the steps."""
    checkpoint_seconds: NonNegative = 60.0
    """A run that is killed loses this much work, and a few steps."""
    max_failures: int = Field(default=2, ge=0)
    """Restarts from the last checkpoint after a worker or its machine died."""


class TrackConfig(Section):
    """Where a run's figures go besides `steps.jsonl` and `metrics.jsonl`."""

    tensorboard: bool = True
    """Event files in the run's directory, for `tensorboard --logdir RUNS`."""
    wandb: str = ""
    """Project of Weights & Biases; empty does not use it. The key comes from WANDB_API_KEY."""
