"""Batches of pixels: reads samples at their offsets, decodes them in threads, ahead of use."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shards.errors import WorkError
from training.config import AugmentConfig
from training.data.images import Pixels, decode, fit
from training.data.plan import Indices
from training.data.samples import Samples

BATCHES_AHEAD = 3

View = Callable[[Pixels, str], Pixels]
"""From a decoded image and its key to the pixels that the network sees."""


@dataclass(frozen=True, slots=True)
class Batch:
    indices: Indices
    """Positions in `Samples`."""
    images: Tensor
    """(batch, height, width, 3) uint8, RGB."""
    targets: dict[str, Tensor]
    """By name the rows of `training.model.heads.Heads.targets`, (batch, …)."""

    def to(self, device: torch.device) -> "Batch":
        if device.type == "cpu":
            return self

        def moved(tensor: Tensor) -> Tensor:
            return tensor.pin_memory().to(device, non_blocking=True)

        targets = {name: moved(tensor) for name, tensor in self.targets.items()}
        return Batch(self.indices, moved(self.images), targets)


def plain_view(width: int, height: int) -> View:
    """The view of evaluation and prediction."""
    return lambda image, _key: fit(image, width, height)


def training_view(
    width: int, height: int, options: AugmentConfig | None, seed: int, epoch: int
) -> View:
    """The view of training in one epoch."""
    from training.data.augment import augment, generator

    if options is None:
        return plain_view(width, height)
    return lambda image, key: augment(image, width, height, options, generator(seed, epoch, key))


class Loader:
    """Reads batches of one split. A context manager: it keeps shards open and threads waiting."""

    def __init__(
        self, samples: Samples, threads: int, targets: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        """`targets`: further rows of the samples, by name; each batch gets its own of them."""
        self.samples = samples
        self._targets = dict(targets or {})
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="loader")
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def batches(self, plan: Iterable[Indices], view: View) -> Iterator[Batch]:
        """The planned batches, in the plan's order, whatever the number of threads.

        Raises WorkError for a sample that cannot be read, naming its key and its shard.
        """
        waiting: deque[tuple[Indices, list[Future[Pixels]]]] = deque()
        indices = iter(plan)
        while True:
            for wanted in islice(indices, BATCHES_AHEAD - len(waiting)):
                jobs = [self._pool.submit(self._image, int(i), view) for i in wanted]
                waiting.append((wanted, jobs))
            if not waiting:
                return
            wanted, jobs = waiting.popleft()
            yield self._batch(wanted, [job.result() for job in jobs])

    def _batch(self, indices: Indices, images: list[Pixels]) -> Batch:
        return Batch(
            indices,
            torch.from_numpy(np.stack(images)),
            {name: torch.from_numpy(rows[indices]) for name, rows in self._targets.items()},
        )

    def _image(self, index: int, view: View) -> Pixels:
        samples = self.samples
        number, size = int(samples.tar[index]), int(samples.size[index])
        key, tar = samples.keys[index], samples.tars[number]
        try:
            data = os.pread(self._descriptor(number), size, int(samples.offset[index]))
            if len(data) != size:
                raise ValueError(f"the shard ends {size - len(data)} bytes too early")
            return view(decode(data), key)
        except (OSError, ValueError) as error:
            raise WorkError(
                f"{tar}: image {key} cannot be read ({error}); run `lostfound verify`"
            ) from None

    def _descriptor(self, number: int) -> int:
        with self._lock:
            if number not in self._open:
                self._open[number] = os.open(self.samples.tars[number], os.O_RDONLY)
            return self._open[number]
