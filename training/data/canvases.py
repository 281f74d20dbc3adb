"""Canvases: every sample decoded to one size, from which views of it are made."""

import os
import threading

import numpy as np
from numpy.typing import NDArray

from shards.errors import WorkError
from training.data.images import decode_into
from training.data.plan import Indices
from training.data.samples import Samples

Size = tuple[int, int]
"""Width and height in pixels."""


class Canvases:
    """Decodes samples at their places in the shards, which it keeps open."""

    def __init__(self, samples: Samples, size: Size, scaled: bool) -> None:
        self.size = size
        self._samples = samples
        self._scaled = scaled
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def read(self, indices: Indices, out: NDArray[np.uint8]) -> None:
        """Writes the canvases of these samples into `out`, (n, height, width, 3) RGB.

        Raises WorkError for a sample that cannot be read, naming its key and its shard.
        """
        for index, canvas in zip(indices.tolist(), out, strict=True):
            self._decode(index, canvas)

    def _decode(self, index: int, canvas: NDArray[np.uint8]) -> None:
        samples = self._samples
        number, size = int(samples.tar[index]), int(samples.size[index])
        try:
            data = os.pread(self._descriptor(number), size, int(samples.offset[index]))
            if len(data) != size:
                raise ValueError(f"the shard ends {size - len(data)} bytes too early")
            decode_into(data, canvas, scaled=self._scaled)
        except (OSError, ValueError) as error:
            raise WorkError(
                f"{samples.tars[number]}: image {samples.keys[index]} cannot be read ({error});"
                " run `lostfound verify`"
            ) from None

    def _descriptor(self, number: int) -> int:
        with self._lock:
            if number not in self._open:
                self._open[number] = os.open(self._samples.tars[number], os.O_RDONLY)
            return self._open[number]
