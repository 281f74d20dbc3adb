"""The training loop: a plain function of configuration and shards.

Knows nothing of Ray. Runs alone, or as one rank of an initialised torch.distributed group. What it
does depends on the configuration, the data and the number of ranks only; a killed run goes on
from its last checkpoint and ends with the same weights.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shards.errors import UsageError, WorkError
from shards.labels import Labels
from shards.version import code_version
from training.config import Config
from training.data.labels import country_centres, read_labels
from training.data.loader import Batch, Loader, training_view
from training.data.plan import steps_per_epoch, training_batches
from training.data.samples import Samples, data_sha256, read_samples
from training.evaluation.inference import Evaluator, forward
from training.fit.average import Average
from training.fit.checkpoint import Progress, load_checkpoint, save_checkpoint
from training.fit.optimiser import build_optimiser, set_rate
from training.fit.rundir import RunDirectory
from training.fit.schedule import rate_factor
from training.model.decode import Decoder
from training.model.geomodel import GeoModel, build_model, check_size
from training.model.heads import Heads, cells_for
from training.model.modelfile import describe, write_model
from training.process import Process

CHECK_STEPS = 20
"""Steps between looks at the loss, which make the device wait."""

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads, checked before anything starts."""

    labels: Labels
    train: Samples
    validation: Samples | None
    decoder: Decoder
    data_sha256: str


def read_inputs(config: Config, shards: Path) -> Inputs:
    """Raises UsageError or WorkError for shards that this configuration cannot be trained on."""
    digest = data_sha256(shards)
    labels = read_labels(shards)
    train = read_samples(shards, "train", labels)
    try:
        validation = read_samples(shards, "validation", labels)
    except UsageError as error:
        if config.best_by != "last":
            raise UsageError(f"{error}, or train with best_by=last") from None
        validation = None
    if len(train) < config.batch_size:
        raise UsageError(
            f"{shards}: {len(train)} training samples do not fill one batch of"
            f" {config.batch_size}; lower batch_size"
        )
    try:
        cells = cells_for(config.heads, labels, train)
    except UsageError as error:
        raise UsageError(f"{shards}: {error}") from None
    centres = country_centres(labels, train.country, train.lat, train.lon)
    return Inputs(labels, train, validation, Decoder(labels, centres, cells, config), digest)


def build_network(config: Config, decoder: Decoder) -> GeoModel:
    """The network that a run starts from; the same in every process."""
    torch.manual_seed(config.seed)
    network = build_model(
        config.network,
        Heads(config.heads, decoder.labels, decoder.cells).sizes(),
        weights=config.weights,
        dropout=config.dropout,
        norm_momentum=config.norm_momentum,
    )
    check_size(network, config.image.width, config.image.height)
    return network


def train(
    config: Config,
    inputs: Inputs,
    directory: RunDirectory,
    process: Process,
    on_epoch: OnEpoch = lambda _: None,
) -> None:
    """Trains to the end, from the last checkpoint if there is one, and writes the model file.

    `on_epoch` gets the same row in every process. Raises WorkError when the loss is not finite.
    """
    if config.batch_size < 2 * process.world_size:
        raise UsageError(
            f"batch_size {config.batch_size}: too small for {process.world_size} workers;"
            " each needs two samples per step"
        )
    with ExitStack() as stack:
        threads = config.job.loader_threads
        heads = Heads(config.heads, inputs.labels, inputs.decoder.cells)
        loader = stack.enter_context(Loader(inputs.train, threads, heads.targets(inputs.train)))
        evaluator = None
        if inputs.validation is not None:
            targets = heads.targets(inputs.validation)
            evaluator = Evaluator(
                stack.enter_context(Loader(inputs.validation, threads, targets)),
                inputs.decoder,
                heads,
                (config.image.width, config.image.height),
                max(1, config.batch_size // process.world_size),
                config.precision,
            )
        run = _Run(config, inputs, directory, process, heads, loader, evaluator)
        run.resume()
        while run.progress.epoch < config.epochs:
            on_epoch(run.one_epoch())
    if process.is_first:
        directory.complete()


class _Run:
    """The state of one run in one process."""

    def __init__(
        self,
        config: Config,
        inputs: Inputs,
        directory: RunDirectory,
        process: Process,
        heads: Heads,
        loader: Loader,
        evaluator: Evaluator | None,
    ) -> None:
        self.config, self.inputs, self.directory = config, inputs, directory
        self.process, self.loader, self.evaluator = process, loader, evaluator
        self.progress = Progress()
        self.model = build_network(config, inputs.decoder).to(process.device)
        self.optimiser = build_optimiser(self.model, config.optimiser)
        self.average = Average(self.model, config.ema_decay) if config.ema_decay else None
        self.deployed = self.average.model if self.average else self.model
        self.parallel: nn.Module = self.model
        self.saved_at = time.monotonic()
        self.heads = heads.to(process.device)
        self.steps = steps_per_epoch(len(inputs.train), config.batch_size)

    def resume(self) -> None:
        """Takes up the last checkpoint, then joins the other processes."""
        if checkpoint := load_checkpoint(self.directory.last):
            self.progress, states = checkpoint
            self.model.load_state_dict(states["model"])
            self.optimiser.load_state_dict(states["optimiser"])
            if self.average:
                self.average.model.load_state_dict(states["average"])
                self.average.updates = self.progress.epoch * self.steps + self.progress.step
        if self.process.is_first:
            self.directory.forget_rows_from(self.progress.epoch)
        if self.process.world_size > 1:
            self.parallel = DistributedDataParallel(self.model)

    def one_epoch(self) -> dict[str, Any]:
        """Trains (the rest of) the current epoch, validates, keeps what is best, and saves."""
        started = time.monotonic()
        self._train_epoch()
        row = self._row()
        score = self._score(row)
        improved = score is not None and (self.progress.best is None or score >= self.progress.best)
        if improved:
            self.progress.best = score
        row["best"] = improved
        row["seconds"] = round(time.monotonic() - started, 3)
        self.progress = Progress(epoch=self.progress.epoch + 1, best=self.progress.best)
        if self.process.is_first:
            if improved:
                self._write_best(row)
            self.directory.add_row(row)
        self._save_when_due()
        return row

    def _train_epoch(self) -> None:
        config, progress = self.config, self.progress
        plan = training_batches(
            len(self.inputs.train),
            batch_size=config.batch_size,
            seed=config.seed,
            epoch=progress.epoch,
            world_size=self.process.world_size,
            rank=self.process.rank,
            first_step=progress.step,
        )
        view = training_view(
            config.image.width, config.image.height, config.augment, config.seed, progress.epoch
        )
        self.parallel.train()
        unread: dict[str, Tensor] = {}
        for batch in self.loader.batches(plan, view):
            for name, value in self._step(batch.to(self.process.device)).items():
                unread[name] = unread[name] + value if name in unread else value
            progress.step += 1
            if progress.step == self.steps:
                self._read_losses(unread)
            elif progress.step % CHECK_STEPS == 0:
                self._read_losses(unread)
                unread = {}
                self._save_when_due()

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """One update; returns the sums of the losses over this process's samples."""
        config, process = self.config, self.process
        number = self.progress.epoch * self.steps + self.progress.step
        # Dropout differs between ranks and steps, and is the same again after a restart.
        torch.manual_seed((config.seed << 40) + number * process.world_size + process.rank)
        set_rate(self.optimiser, self._rate(number))
        outputs = forward(self.parallel, batch.images, config.precision)
        losses = self.heads(outputs, batch.targets)
        # DDP averages over ranks; this makes it the mean over the global batch, however cut.
        loss = self.heads.weighted(losses).sum() * process.world_size / config.batch_size
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if config.optimiser.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), config.optimiser.clip_norm)
        self.optimiser.step()
        if self.average:
            self.average.update(self.model)
        return {name: value.detach().sum() for name, value in losses.items()}

    def _rate(self, step: int) -> float:
        return rate_factor(self.config.schedule, step, self.steps, self.config.epochs)

    def _read_losses(self, unread: dict[str, Tensor]) -> None:
        """Adds up losses over all processes; stops all of them when one is not finite."""
        total = self.process.sum(torch.stack(list(unread.values())).double()).cpu()
        for name, value in zip(unread, total.tolist(), strict=True):
            if not math.isfinite(value):
                raise WorkError(
                    f"{self.directory.path}: the {name} loss is {value} in epoch"
                    f" {self.progress.epoch + 1}, step {self.progress.step}; lower"
                    " optimiser.trunk_lr and optimiser.head_lr"
                )
            self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value

    def _row(self) -> dict[str, Any]:
        epoch, config = self.progress.epoch, self.config
        seen = self.steps * config.batch_size
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": (epoch + 1) * self.steps,
            "rate": self._rate((epoch + 1) * self.steps - 1),
            "loss": {name: value / seen for name, value in self.progress.sums.items()},
        }
        is_last = epoch + 1 == config.epochs
        if self.evaluator and (is_last or (epoch + 1) % config.validate_every == 0):
            row["validation"] = self._validate(self.evaluator)
        return row

    def _validate(self, evaluator: Evaluator) -> dict[str, Any]:
        return evaluator.evaluate(self.deployed, self.process)

    def _score(self, row: dict[str, Any]) -> float | None:
        """How good the weights are by the configured figure; None when it was not measured."""
        best_by = self.config.best_by
        if best_by == "last":
            return float(row["epoch"]) if row["epoch"] + 1 == self.config.epochs else None
        if "validation" not in row:
            return None
        figures = row["validation"]
        if best_by == "loss":
            return -float(figures["loss"])
        if best_by == "top1":
            return float(figures["country"]["top1"])
        geoscore = figures["distance_km"]["geoscore"]
        if geoscore is None:
            raise UsageError("no validation sample has coordinates; train with best_by=top1")
        return float(geoscore)

    def _write_best(self, row: dict[str, Any]) -> None:
        training = {
            "epochs": row["epoch"] + 1,
            "steps": row["step"],
            "samples": len(self.inputs.train),
            "loss": row["loss"],
            "validation": row.get("validation"),
        }
        description = describe(
            self.config, self.inputs.decoder, self.inputs.data_sha256, training, code_version()
        )
        write_model(
            self.directory.best, description, self.deployed.state_dict(), self.inputs.decoder
        )

    def _save_when_due(self) -> None:
        # Only when, not what: a run ends the same from whichever checkpoint it goes on.
        is_over = self.progress.epoch == self.config.epochs
        due = time.monotonic() - self.saved_at >= self.config.job.checkpoint_seconds
        if self.process.is_first and (is_over or due):
            self._save()

    def _save(self) -> None:
        states: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        if self.average:
            states["average"] = self.average.model.state_dict()
        save_checkpoint(self.directory.last, self.progress, states)
        self.saved_at = time.monotonic()
