"""What a run has learnt and where it stands, in memory and on disk."""

import time
from collections.abc import Mapping
from typing import Any

import torch

from shards.errors import UsageError, WorkError
from shards.version import code_version
from training.config import Config
from training.fit.average import Average
from training.fit.checkpoint import Progress, load_latest, save_checkpoint
from training.fit.inputs import Inputs
from training.fit.optimiser import build_optimiser
from training.fit.rundir import RunDirectory
from training.fit.schedule import is_over, next_stale
from training.fit.watch import all_finite
from training.model.description import describe
from training.model.geomodel import GeoModel
from training.model.modelfile import write_model
from training.process import Process


class RunState:
    """Weights, optimiser, average and progress of one run, and the files that hold them.

    Only the first process writes. Nothing is written that was not found finite, so whatever ends a
    run, the files go on from good weights.
    """

    def __init__(
        self,
        config: Config,
        inputs: Inputs,
        directory: RunDirectory,
        process: Process,
        model: GeoModel,
    ) -> None:
        self.config, self.inputs, self.directory = config, inputs, directory
        self.process, self.model = process, model
        process.share(list(model.parameters()))
        self.optimiser = build_optimiser(model, config.optimiser)
        self.average = Average(model, config.ema_decay) if config.ema_decay else None
        self.progress = Progress()
        self._saved_at = time.monotonic()

    @property
    def deployed(self) -> GeoModel:
        """The weights that are validated and kept as the best."""
        found = self.average.model if self.average else self.model
        assert isinstance(found, GeoModel)
        return found

    @property
    def is_over(self) -> bool:
        config, progress = self.config, self.progress
        return is_over(progress.epoch, config.epochs, progress.stale, config.patience)

    def resume(self, steps_per_epoch: int) -> None:
        """Takes up the last checkpoint that can be read, if there is one."""
        if checkpoint := load_latest(self.directory.last, self.directory.previous):
            self.progress, states = checkpoint
            try:
                self.model.load_state_dict(states["model"])
                self.optimiser.load_state_dict(states["optimiser"])
                if self.average:
                    self.average.model.load_state_dict(states["average"])
            except (RuntimeError, ValueError, KeyError) as error:
                reason = str(error).splitlines()[0]
                raise WorkError(
                    f"{self.directory.last}: written by another version of lostfound or of its"
                    f" libraries ({reason}); delete checkpoints/ to start this run again"
                ) from None
            if self.average:
                self.average.updates = self.progress.epoch * steps_per_epoch + self.progress.step
        self._check_agreement()
        if self.process.is_first:
            self.directory.forget_rows_from(self.progress.epoch)

    def _check_agreement(self) -> None:
        """Raises RuntimeError where processes read different checkpoints: they would add up
        gradients of different batches. A file system that shows an older file, or workers that
        outlived a killed driver for a moment, can bring that about; a restart reads again."""
        place = torch.tensor([self.progress.epoch, self.progress.step], dtype=torch.float64)
        if not torch.equal(self.process.sum(place), place * self.process.world_size):
            raise RuntimeError(f"{self.directory.last}: the workers read different checkpoints")

    def share_statistics(self) -> None:
        """Gives every process the first one's statistics of batch norm, which are saved."""
        buffers = [*self.model.buffers(), *(self.average.model.buffers() if self.average else ())]
        self.process.share([b for b in buffers if b.is_floating_point()])

    def is_finite(self) -> bool:
        """Whether weights and the optimiser's averages may be written."""
        momenta = [v for state in self.optimiser.state.values() for v in state.values()]
        return all_finite([*self.model.parameters(), *self.model.buffers(), *momenta])

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Keeps what is best and the row of figures, then goes on to the next epoch."""
        before, score = self.progress, self._score(row)
        improved = score is not None and (before.best is None or score >= before.best)
        stale = before.stale if score is None else next_stale(before.stale, before.best, score)
        best = score if improved else before.best
        self.progress = Progress(epoch=before.epoch + 1, best=best, stale=stale)
        row["best"] = improved
        if self.process.is_first:
            if improved:
                self._write_best(row)
            self.directory.add_row(row)
        self.save_when_due()

    def _score(self, row: dict[str, Any]) -> float | None:
        """How good the weights are by the configured figure; None when it was not measured."""
        best_by = self.config.best_by
        if best_by == "last":
            return float(row["epoch"]) if row["epoch"] + 1 == self.config.epochs else None
        if "validation" not in row:
            return None
        return score_of(best_by, row["validation"])

    def _write_best(self, row: dict[str, Any]) -> None:
        training = {
            "epochs": row["epoch"] + 1,
            "steps": row["step"],
            "samples": len(self.inputs.train),
            "loss": row["loss"],
            "validation": row.get("validation"),
        }
        inputs = self.inputs
        description = describe(self.config, inputs.decoder, inputs.data, training, code_version())
        write_model(self.directory.best, description, self.deployed.state_dict(), inputs.decoder)

    def save_when_due(self) -> None:
        """Writes a checkpoint when the last one is old enough, and at the very end."""
        # Only when, not what: a run ends the same from whichever checkpoint it goes on.
        due = time.monotonic() - self._saved_at >= self.config.job.checkpoint_seconds
        if self.process.is_first and (self.is_over or due):
            self._save()

    def _save(self) -> None:
        states: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        if self.average:
            states["average"] = self.average.model.state_dict()
        save_checkpoint(self.directory.last, self.progress, states, self.directory.previous)
        self._saved_at = time.monotonic()


def score_of(best_by: str, figures: Mapping[str, Any]) -> float:
    """The validation figure that decides; higher is better.

    Raises UsageError where it was not measured.
    """
    if best_by == "loss":
        return -float(figures["loss"])
    if best_by == "top1":
        return float(figures["country"]["top1"])
    geoscore = figures["distance_km"]["geoscore"]
    if geoscore is None:
        raise UsageError("no validation sample has coordinates; train with best_by=top1")
    return float(geoscore)
