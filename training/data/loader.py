"""Batches of pixels: what a plan names, decoded ahead of use and changed by a view."""

import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.augment import Draws, augment_batch, draw, no_change
from training.data.canvases import Size, open_canvases
from training.data.counter import Hashes
from training.data.plan import Indices, parts
from training.data.samples import Samples
from training.data_config import AugmentConfig, DataConfig
from training.process import CPU

BATCHES_AHEAD = 3
EXPECTED = 32
"""Batches by which remote shards are fetched ahead."""


@dataclass(frozen=True, slots=True)
class View:
    """What the network sees of the canvases in one epoch."""

    size: Size
    options: AugmentConfig | None = None
    """None: the canvas itself, resized where it is of another size."""
    seed: int = 0
    epoch: int = 0

    def draws(self, hashes: Hashes, canvas: Size) -> Draws | None:
        """What becomes of the samples with these hashes; None when they stay as they are."""
        if self.options is not None:
            return draw(hashes, self.options, self.seed, self.epoch)
        return None if canvas == self.size else no_change(len(hashes))


@dataclass(frozen=True, slots=True)
class Batch:
    indices: Indices
    """Positions in `Samples`."""
    images: Tensor
    """(batch, height, width, 3) uint8, RGB: the network's input, or canvases if `draws` are set."""
    targets: dict[str, Tensor]
    """By name the rows of `training.model.heads.Heads.targets`, (batch, …)."""
    draws: Draws | None = None
    """What `to` has still to do with the canvases, where they are changed on the device."""
    size: Size = (0, 0)
    """Of the network's input."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device, with the network's input as its images."""

        def moved(tensor: Tensor) -> Tensor:
            if tensor.device.type == device.type:
                return tensor
            return tensor.pin_memory().to(device, non_blocking=True)

        images = moved(self.images)
        if self.draws is not None:
            images = augment_batch(images, self.draws, *self.size)
        targets = {name: moved(tensor) for name, tensor in self.targets.items()}
        return Batch(self.indices, images, targets)


class Loader:
    """Reads batches of one split. A context manager: it keeps shards open and threads waiting."""

    def __init__(
        self,
        samples: Samples,
        canvas: Size,
        *,
        threads: int = 1,
        targets: Mapping[str, NDArray[Any]] | None = None,
        device: torch.device = CPU,
        scaled: bool = False,
        data: DataConfig | None = None,
    ) -> None:
        """`canvas`: width and height of what is decoded, before a view changes it.

        `threads`: 0 reads in line. `targets`: further rows of the samples, by name; each batch
        gets its own of them. `device`: where batches will go; views change them there. `scaled`:
        see `training.data.images.decode_into`. Raises WorkError when canvases that are to be kept
        (`data.mode`) find no room.
        """
        self.samples = samples
        self._canvases, self._resident = open_canvases(
            samples, canvas, data or DataConfig(), threads, device, scaled=scaled
        )
        self._targets = dict(targets or {})
        self._on_device = device.type != "cpu"
        self._buffers = _Buffers()
        self._threads = 0 if self._resident is not None else threads
        self._pool = ThreadPoolExecutor(threads, "loader") if self._threads else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._canvases.close()

    def batches(self, plan: Iterable[Indices], view: View) -> Iterator[Batch]:
        """The planned batches, in the plan's order, whatever the number of threads.

        An entry of the plan that is beyond the samples shows one again, see `Order.epoch`.
        Raises WorkError for a sample that cannot be read, naming its key and its shard.
        """
        planned = self._announced(plan)
        if self._pool is None:
            for entries in planned:
                pending = self._pending(entries, view)
                self._fill(pending, slice(None))
                yield self._batch(pending)
            return
        waiting: deque[tuple[_Pending, list[Future[None]]]] = deque()
        while True:
            for entries in islice(planned, BATCHES_AHEAD - len(waiting)):
                pending = self._pending(entries, view)
                shares = parts(pending.indices, self._threads)
                jobs = [self._pool.submit(self._fill, pending, part) for part in shares]
                waiting.append((pending, jobs))
            if not waiting:
                return
            pending, jobs = waiting.popleft()
            for job in jobs:
                job.result()
            yield self._batch(pending)

    def _announced(self, plan: Iterable[Indices]) -> Iterator[Indices]:
        """The plan; what a batch needs is expected some batches before it."""
        coming: deque[Indices] = deque()
        for entries in plan:
            self._canvases.expect(entries % len(self.samples))
            coming.append(entries)
            if len(coming) > EXPECTED:
                yield coming.popleft()
        yield from coming

    def _pending(self, entries: Indices, view: View) -> "_Pending":
        again, rows = np.divmod(entries, len(self.samples))
        hashes = self.samples.hashes[rows] + again.astype(np.uint64)
        draws = view.draws(hashes, self._canvases.size)
        width, height = self._canvases.size if self._on_device else view.size
        # Those of a resident array are taken from it when the batch is wanted.
        images = self._buffers.take((len(rows) * (self._resident is None), height, width, 3))
        return _Pending(rows, images, draws, view.size)

    def _fill(self, batch: "_Pending", part: slice) -> None:
        """Reads the samples of one part of a batch into its images."""
        if self._resident is not None:
            return
        indices, images = batch.indices[part], batch.images[part]
        if batch.draws is None or self._on_device:
            self._canvases.read(indices, images)
            return
        width, height = self._canvases.size
        canvases = np.empty((len(indices), height, width, 3), np.uint8)
        self._canvases.read(indices, canvases)
        images[:] = augment_batch(torch.from_numpy(canvases), batch.draws[part], *batch.size)

    def _batch(self, pending: "_Pending") -> Batch:
        images = torch.from_numpy(pending.images)
        if self._resident is not None:
            rows = torch.from_numpy(pending.indices).to(self._resident.device)
            images = self._resident[rows]
        return Batch(
            pending.indices,
            images,
            {name: torch.from_numpy(rows[pending.indices]) for name, rows in self._targets.items()},
            pending.draws if self._on_device else None,
            pending.size,
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    """A batch while threads fill it."""

    indices: Indices
    images: NDArray[np.uint8]
    draws: Draws | None
    size: Size


class _Buffers:
    """Memory of batches, used again once nobody holds them: new pages cost a tenth of decoding."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        # Those of another shape belong to an earlier view, or to the last batch of a split.
        self._free = [array for array in self._free if array.shape == shape]
        array = self._free.pop() if self._free else np.empty(shape, np.uint8)
        # Tensors hold the view; what is cut out of it meanwhile is held by the loader's own work.
        view = array[:]
        weakref.finalize(view, self._give_back, array).atexit = False
        return view

    def _give_back(self, array: NDArray[np.uint8]) -> None:
        self._free.append(array)
