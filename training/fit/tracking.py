"""A run's figures on their way out: lines of JSON, TensorBoard, Weights & Biases.

A row of steps has `step` (global batches done), `epoch`, `rate`, `loss` by head, `gradient_norm`
and `images_per_second`; a row of an epoch is one of `metrics.jsonl`. A run that goes on continues
where its checkpoint stood: what was logged after that is taken back.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from shards import metrics
from shards.atomic import write_text
from shards.errors import UsageError
from training.config import Config
from training.fit.rundir import RunDirectory

Row = Mapping[str, Any]


class Tracker(Protocol):
    def log(self, part: str, row: Row) -> None:
        """`part`: `train` for some steps, `epoch` for a whole one."""

    def close(self) -> None: ...


class Trackers(AbstractContextManager["Trackers"]):
    """All trackers of a run, in the process that writes; none in the others."""

    def __init__(self, *trackers: Tracker) -> None:
        self._stack = ExitStack()
        self._trackers = trackers
        for tracker in trackers:
            self._stack.callback(tracker.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def log(self, part: str, row: Row) -> None:
        for tracker in self._trackers:
            tracker.log(part, row)


def open_trackers(config: Config, directory: RunDirectory, first_step: int) -> Trackers:
    """`first_step`: global batches that the run has done already.

    Raises UsageError when Weights & Biases is asked for and not there.
    """
    found: list[Tracker] = [
        StepLines(directory.steps, first_step),
        ClusterMetrics(directory.path.name),
    ]
    if config.track.tensorboard:
        found.append(TensorBoard(directory.tensorboard, first_step))
    if config.track.wandb:
        found.append(WeightsAndBiases(config, directory))
    return Trackers(*found)


class ClusterMetrics:
    """Ray's metrics endpoint of the node; nothing without a cluster."""

    def __init__(self, run: str) -> None:
        self._run = run

    def log(self, part: str, row: Row) -> None:
        if part == "train":
            speed = row["images_per_second"]
            metrics.gauge("lostfound_training_images_per_second", speed, run=self._run)
            for head, loss in row["loss"].items():
                metrics.gauge("lostfound_training_loss", loss, run=self._run, head=head)
            return
        metrics.gauge("lostfound_training_epoch", row["epoch"] + 1, run=self._run)
        if "validation" in row:
            metrics.gauge("lostfound_validation_loss", row["validation"]["loss"], run=self._run)

    def close(self) -> None: ...


class StepLines:
    """`steps.jsonl`: one object per look at the losses."""

    def __init__(self, path: Path, first_step: int) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        # A line without its end is one that a killed run was writing.
        kept = [x for x in lines if x.endswith("\n") and json.loads(x)["step"] <= first_step]
        write_text(path, "".join(kept))
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def log(self, part: str, row: Row) -> None:
        if part == "train":
            self._file.write(json.dumps(row, allow_nan=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """Event files; what they hold of later steps than `first_step` is marked as taken back."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboardX import SummaryWriter

        is_new = not any(folder.glob("*"))
        purge = None if is_new else first_step + 1
        # Files are named by the second: one that goes on within it must not replace the first.
        suffix = f".{first_step:012d}"
        self._writer: Any = SummaryWriter(str(folder), purge_step=purge, filename_suffix=suffix)

    def log(self, part: str, row: Row) -> None:
        for name, value in numbers(row):
            self._writer.add_scalar(f"{part}/{name}", value, row["step"])

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run that is called as its directory, so that one that goes on continues it."""

    def __init__(self, config: Config, directory: RunDirectory) -> None:
        try:
            import wandb
        except ImportError:
            raise UsageError(
                "track.wandb: wandb is not installed; `pip install wandb`, or leave it empty"
            ) from None
        name = directory.path.name
        try:
            self._run: Any = wandb.init(
                project=config.track.wandb,
                id=name,
                name=name,
                resume="allow",
                dir=str(directory.path),
                config=config.model_dump(mode="json"),
                settings=wandb.Settings(console="off", silent=True),
            )
        except wandb.Error as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"track.wandb: {reason}; set WANDB_API_KEY, or WANDB_MODE=offline"
            ) from None

    def log(self, part: str, row: Row) -> None:
        values = {f"{part}/{name}": value for name, value in numbers(row)}
        self._run.log(values, step=row["step"])

    def close(self) -> None:
        self._run.finish()


def numbers(row: Row, prefix: str = "") -> Iterator[tuple[str, float]]:
    """The figures of a row by their names, without what it counts by."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and f"{prefix}{name}" not in ("step", "epoch", "best"):
            yield f"{prefix}{name}", float(value)
