"""The training recipe: a plain function of configuration and shards.

Knows nothing of Ray. Runs alone, or as one rank of an initialised torch.distributed group. What it
does depends on the configuration, the data and the number of ranks only; a killed run goes on
from its last checkpoint and ends with the same weights. With another number of ranks it sees the
same samples in the same order; sums are rounded differently then, and batch norm looks at other
parts of a batch. Every rank has the same weights. Statistics of batch norm are the first rank's:
the others take them over before they validate.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from shards.console import print_line
from shards.errors import UsageError, WorkError
from training.config import Config
from training.data.loader import Batch, View
from training.data.plan import Indices, share, steps_per_epoch, training_batches
from training.evaluation.inference import Evaluator, forward
from training.fit.calibrate import calibrate
from training.fit.compiled import compile_failure, compiled
from training.fit.inputs import Inputs, build_network, check_batch
from training.fit.memory import is_out_of_memory, memory_advice
from training.fit.mixup import draw_share, mix_images, mixed_losses
from training.fit.optimiser import set_rate
from training.fit.readers import Readers, open_readers
from training.fit.rundir import RunDirectory
from training.fit.schedule import rate_factor, size_at
from training.fit.state import RunState
from training.fit.tracking import Trackers, open_trackers
from training.fit.watch import Look, LossWatch
from training.process import Process

CHECK_STEPS = 20
"""Steps between looks at the loss, which make the device wait."""

OnEpoch = Callable[[dict[str, Any]], None]


def train(
    config: Config,
    inputs: Inputs,
    directory: RunDirectory,
    process: Process,
    on_epoch: OnEpoch = lambda _: None,
) -> None:
    """Trains to the end, from the last checkpoint if there is one, and writes the model file.

    `on_epoch` gets the same row in every process. Raises UsageError for a batch that is too small
    for so many processes; WorkError when a loss is not finite, or when memory does not suffice.
    """
    check_batch(config, process.world_size)
    with ExitStack() as stack:
        readers = stack.enter_context(open_readers(config, inputs, process))
        run = _Run(config, inputs, directory, process, readers)
        if process.is_first:
            done = run.steps_done
            run.trackers = stack.enter_context(open_trackers(config, directory, done))
        while not run.state.is_over:
            on_epoch(run.one_epoch())
    if process.is_first:
        if (epochs := run.state.progress.epoch) < config.epochs:
            print_line(
                f"{config.patience} validations without a better {config.best_by}: complete after"
                f" {epochs} of {config.epochs} epochs"
            )
        if inputs.validation is not None:
            calibrate(directory.best, inputs.validation, process.device, config.job.loader_threads)
        directory.complete()


class _Run:
    """One run in one process: its epochs, and their steps."""

    def __init__(
        self,
        config: Config,
        inputs: Inputs,
        directory: RunDirectory,
        process: Process,
        readers: Readers,
    ) -> None:
        self.config, self.inputs, self.process = config, inputs, process
        self.readers, self.heads = readers, readers.heads
        self.steps = steps_per_epoch(len(inputs.train), config.batch_size)
        self.watch = LossWatch(
            [head.name for head in self.heads.options], config.batch_size, process
        )
        # Sizes of pictures are few, so trying which kernels are quickest pays.
        torch.backends.cudnn.benchmark = True
        model = build_network(config, inputs.decoder).to(process.device)
        if config.channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.state = RunState(config, inputs, directory, process, model)
        self.state.resume(self.steps)
        self.network = compiled(model) if config.compile else model
        self.trackers = Trackers()
        self.looked_at = time.monotonic()

    @property
    def steps_done(self) -> int:
        """Global batches since the run began."""
        return self.state.progress.epoch * self.steps + self.state.progress.step

    def one_epoch(self) -> dict[str, Any]:
        """Trains (the rest of) the current epoch, validates, keeps what is best, and saves."""
        started = time.monotonic()
        self._train_epoch()
        row = self._row()
        row["seconds"] = round(time.monotonic() - started, 3)
        self.state.end_epoch(row)
        self.trackers.log("epoch", row)
        self.looked_at = time.monotonic()
        return row

    def _train_epoch(self) -> None:
        config, progress = self.config, self.state.progress
        size = size_at(config.progressive, config.image, progress.epoch, config.epochs)
        view = View(size, config.augment, config.seed, progress.epoch)
        self.network.train()
        for batch in self.readers.train.batches(self._plan(progress.step), view):
            self._step_or_explain(batch.to(self.process.device))
            progress.step += 1
            if progress.step % CHECK_STEPS == 0 or progress.step == self.steps:
                self._look()
                if progress.step < self.steps:
                    self.state.save_when_due()

    def _plan(self, first_step: int, process: Process | None = None) -> Iterator[Indices]:
        process = process or self.process
        return training_batches(
            self.readers.order,
            batch_size=self.config.batch_size,
            epoch=self.state.progress.epoch,
            world_size=process.world_size,
            rank=process.rank,
            first_step=first_step,
        )

    def _step_or_explain(self, batch: Batch) -> None:
        try:
            self._step(batch)
        except RuntimeError as error:
            if self.config.compile and (reason := compile_failure(error)):
                message = f"{self.config.network} cannot be compiled here ({reason})"
                raise UsageError(f"{message}; set compile=false") from None
            if not is_out_of_memory(error):
                raise
        else:
            return
        # Only here: inside `except` the error's traceback still holds the tensors.
        raise self._explain_memory(batch)

    def _step(self, batch: Batch) -> None:
        """One update. Nothing in it waits for the device."""
        config, process, state = self.config, self.process, self.state
        number = self.steps_done
        # Dropout differs between ranks and steps, and is the same again after a restart.
        torch.manual_seed((config.seed << 40) + number * process.world_size + process.rank)
        set_rate(state.optimiser, self._rate(number))
        state.optimiser.zero_grad()
        mixed = draw_share(config.mixup, config.seed, number) if config.mixup else None
        losses = self._gradients(batch, mixed)
        norm = nn.utils.clip_grad_norm_(
            state.model.parameters(), config.optimiser.clip_norm or math.inf
        )
        state.optimiser.step()
        if state.average:
            state.average.update(state.model)
        self.watch.add(losses, norm)

    def _gradients(self, batch: Batch, mixed: float | None) -> dict[str, Tensor]:
        """Leaves the gradient of the global batch's mean loss; returns (batch,) losses by head."""
        passes, found = self.config.accumulate, []
        for number in range(passes):
            part = part_of(batch, share(len(batch.indices), passes, number))
            losses = self._losses(self.network, part, mixed)
            loss = self.heads.weighted(losses).sum() / self.config.batch_size
            loss.backward()  # type: ignore[no-untyped-call]
            found.append({name: loss.detach() for name, loss in losses.items()})
        # In one message, always the same: DDP arranges its messages anew after a start's first
        # step, so that a run which is continued would add up in another order.
        gradients = [p.grad for p in self.state.model.parameters() if p.grad is not None]
        self.process.add_up(gradients)
        return {name: torch.cat([losses[name] for losses in found]) for name in found[0]}

    def _losses(self, network: nn.Module, batch: Batch, mixed: float | None) -> dict[str, Tensor]:
        """(batch,) by head, of a batch in which pictures have `mixed` as the larger share."""
        images = batch.images if mixed is None else mix_images(batch.images, mixed)
        outputs = forward(network, images, self.config.precision)
        if mixed is None:
            losses: dict[str, Tensor] = self.heads(outputs, batch.targets)
            return losses
        return mixed_losses(self.heads, outputs, batch.targets, mixed)

    def _rate(self, step: int) -> float:
        return rate_factor(self.config.schedule, step, self.steps, self.config.epochs)

    def _look(self) -> None:
        """Adds up losses over all processes; stops all of them when something is not finite."""
        progress, look = self.state.progress, self.watch.look()
        first = progress.step - look.steps
        if found := look.failure(lambda step: self._keys(first + step)):
            step, what = found
            raise self._not_finite(
                f"{what}, in epoch {progress.epoch + 1}, step {first + step + 1}"
            )
        if not self.state.is_finite():
            raise self._not_finite(
                f"weights are not finite after epoch {progress.epoch + 1}, step {progress.step}"
            )
        for name, value in look.sums().items():
            progress.sums[name] = progress.sums.get(name, 0.0) + value
        self._log(look)

    def _log(self, look: Look) -> None:
        """A row of the steps since the last look; speed over all processes."""
        samples, now = look.steps * self.config.batch_size, time.monotonic()
        row = {
            "step": self.steps_done,
            "epoch": self.state.progress.epoch,
            "rate": self._rate(self.steps_done - 1),
            "loss": {name: value / samples for name, value in look.sums().items()},
            "gradient_norm": look.gradient_norm,
            "images_per_second": round(samples / max(1e-9, now - self.looked_at), 1),
        }
        self.looked_at = now
        self.trackers.log("train", row)

    def _keys(self, step: int) -> list[str]:
        """Of the samples of a step of this epoch, in the order of the global batch."""
        train = self.inputs.train
        return [train.keys[i % len(train)] for i in next(self._plan(step, Process()))]

    def _not_finite(self, what: str) -> WorkError:
        return WorkError(
            f"{self.state.directory.path}: {what}; lower optimiser.trunk_lr and optimiser.head_lr"
        )

    def _row(self) -> dict[str, Any]:
        config, progress = self.config, self.state.progress
        done, seen = progress.epoch + 1, self.steps * config.batch_size
        row: dict[str, Any] = {
            "epoch": progress.epoch,
            "step": done * self.steps,
            "rate": self._rate(done * self.steps - 1),
            "loss": {name: value / seen for name, value in progress.sums.items()},
        }
        evaluator = self.readers.evaluator
        if evaluator and (done == config.epochs or done % config.validate_every == 0):
            self.state.share_statistics()
            row["validation"] = self._validate(evaluator)
            if not math.isfinite(loss := row["validation"]["loss"]):
                raise self._not_finite(f"the validation loss is {loss} after epoch {done}")
        return row

    def _validate(self, evaluator: Evaluator) -> dict[str, Any]:
        network = self.state.deployed
        try:
            return evaluator.evaluate(network, self.process)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # As in `_step_or_explain`.
        samples = evaluator.batch_size * self.config.accumulate
        advice = memory_advice(
            lambda count: evaluator.attempt(network, count),
            samples,
            self.config.accumulate,
            self.process.world_size,
        )
        place = f"validation after epoch {self.state.progress.epoch + 1}"
        raise WorkError(f"{self.state.directory.path}: out of memory in {place}: {advice}")

    def _explain_memory(self, batch: Batch) -> WorkError:
        progress, directory = self.state.progress, self.state.directory
        self.state.optimiser.zero_grad()
        advice = memory_advice(
            lambda samples: self._attempt(part_of(batch, slice(0, samples))),
            len(batch.indices),
            self.config.accumulate,
            self.process.world_size,
        )
        place = f"epoch {progress.epoch + 1}, step {progress.step + 1}"
        return WorkError(f"{directory.path}: out of memory in {place}: {advice}")

    def _attempt(self, batch: Batch) -> None:
        """Needs the memory that a pass with this batch needs, and changes no weights."""
        parameters = list(self.state.model.parameters())
        moments = (
            [] if self.state.optimiser.state else [torch.empty_like(p) for p in parameters * 2]
        )
        losses = self._losses(self.state.model, batch, None)
        torch.autograd.grad(self.heads.weighted(losses).sum(), parameters, allow_unused=True)
        del moments


def part_of(batch: Batch, which: slice) -> Batch:
    """Some samples of a batch."""
    targets = {name: rows[which] for name, rows in batch.targets.items()}
    return Batch(batch.indices[which], batch.images[which], targets)
