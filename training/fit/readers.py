"""What a run reads from while it trains and validates: open shards, and the order of samples."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from training.config import Config
from training.data.augment import canvas_size
from training.data.loader import Loader
from training.data.plan import Order
from training.data.samples import Samples
from training.evaluation.inference import Evaluator
from training.fit.inputs import Inputs
from training.model.heads import Heads
from training.process import Process


@dataclass(frozen=True, slots=True)
class Readers:
    heads: Heads
    train: Loader
    order: Order
    evaluator: Evaluator | None
    """Of the validation split, where there is one."""


@contextmanager
def open_readers(config: Config, inputs: Inputs, process: Process) -> Iterator[Readers]:
    heads = Heads(config.heads, inputs.labels, inputs.decoder.cells)
    size = config.image.width, config.image.height
    canvas = canvas_size(*size, config.augment, inputs.train.frame)

    def loader(samples: Samples, size: tuple[int, int], *, scaled: bool) -> Loader:
        return Loader(
            samples,
            size,
            threads=config.job.loader_threads,
            targets=heads.targets(samples),
            device=process.device,
            scaled=scaled,
            data=config.data,
        )

    with ExitStack() as stack:
        train = stack.enter_context(loader(inputs.train, canvas, scaled=True))
        evaluator = None
        if inputs.validation is not None:
            evaluator = Evaluator(
                stack.enter_context(loader(inputs.validation, size, scaled=False)),
                inputs.decoder,
                heads,
                size,
                max(1, config.batch_size // (process.world_size * config.accumulate)),
                config.precision,
            )
        yield Readers(heads.to(process.device), train, _order(config, inputs.train), evaluator)


def _order(config: Config, train: Samples) -> Order:
    shuffled, balance = config.shuffle_shards, config.balance
    return Order(train.hashes, train.country, train.tar, config.seed, balance, shuffled)
