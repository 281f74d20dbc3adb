"""Canvases: every sample decoded to one size, from which views of it are made.

Either decoded when they are wanted, or once: then they lie in a file of the cache, or in memory.
All give the same pixels.
"""

import hashlib
import json
import math
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shards.console import progress
from shards.errors import WorkError
from training.data.cache import Cache, cache_folder
from training.data.images import decode_into
from training.data.plan import Indices
from training.data.remote import Tars
from training.data.samples import Samples
from training.data_config import DataConfig

Size = tuple[int, int]
"""Width and height in pixels."""

FORMAT = 1
"""Of the files of canvases."""
FETCHES = 4
"""Remote tars that are fetched at a time, ahead of use."""
MEMORY_SHARE = 0.8
"""Of the free memory, that resident canvases may take."""
_CHUNK = 64
_AHEAD = 32
"""Chunks by which the fetching of remote tars is ahead of their decoding."""
_FOLDER = "canvases"


class Canvases(Protocol):
    size: Size

    def read(self, indices: Indices, out: NDArray[np.uint8]) -> None:
        """Writes the canvases of these samples into `out`, (n, height, width, 3) RGB.

        Raises WorkError for a sample that cannot be read, naming its key and its shard.
        """

    def expect(self, indices: Indices) -> None:
        """Says that these samples will be read soon."""

    def close(self) -> None: ...


class Decoded:
    """Decodes samples at their places in the shards."""

    def __init__(self, samples: Samples, size: Size, scaled: bool, tars: Tars) -> None:
        self.size = size
        self._samples = samples
        self._scaled = scaled
        self._tars = tars
        self._fetching: dict[int, Future[Path]] = {}
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}
        self._pool = ThreadPoolExecutor(FETCHES, "fetch") if tars.are_remote else None

    def read(self, indices: Indices, out: NDArray[np.uint8]) -> None:
        for index, canvas in zip(indices.tolist(), out, strict=True):
            self._decode(index, canvas)

    def expect(self, indices: Indices) -> None:
        if self._pool is None:
            return
        for number in dict.fromkeys(self._samples.tar[indices].tolist()):
            if number not in self._fetching:
                tar = self._samples.tars[number]
                self._fetching[number] = self._pool.submit(self._tars.file, tar)

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _decode(self, index: int, canvas: NDArray[np.uint8]) -> None:
        samples = self._samples
        number = int(samples.tar[index])
        try:
            data = self._bytes(number, int(samples.offset[index]), int(samples.size[index]))
            decode_into(data, canvas, scaled=self._scaled)
        except (OSError, ValueError) as error:
            raise WorkError(
                f"{samples.tars[number]}: image {samples.keys[index]} cannot be read ({error});"
                " run `lostfound verify`"
            ) from None

    def _bytes(self, number: int, offset: int, size: int) -> bytes:
        descriptor = self._descriptor(number)
        try:
            data = os.pread(descriptor, size, offset)
        finally:
            if self._tars.are_remote:
                os.close(descriptor)
        if len(data) != size:
            raise ValueError(f"the shard ends {size - len(data)} bytes too early")
        return data

    def _descriptor(self, number: int) -> int:
        """Of a tar; those of the cache are not kept open, so that they may go from there."""
        tar = self._samples.tars[number]
        while self._tars.are_remote:
            # Another process may make room in the cache between the two calls.
            with suppress(FileNotFoundError):
                return os.open(self._tars.file(tar), os.O_RDONLY)
        with self._lock:
            if number not in self._open:
                self._open[number] = os.open(tar, os.O_RDONLY)
            return self._open[number]


class Kept:
    """All canvases of a split in an array, (n, height, width, 3): of a file, or in memory."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self.array = array
        self.size = (array.shape[2], array.shape[1])

    def read(self, indices: Indices, out: NDArray[np.uint8]) -> None:
        np.take(self.array, indices, axis=0, out=out)

    def expect(self, indices: Indices) -> None:
        pass

    def close(self) -> None:
        pass


def open_canvases(
    samples: Samples,
    size: Size,
    data: DataConfig,
    threads: int,
    device: torch.device,
    *,
    scaled: bool,
) -> tuple[Canvases, Tensor | None]:
    """The canvases as `data.mode` wants them, and those that are resident on a GPU.

    `scaled`: see `decode_into`. Raises WorkError when there is no room for those that are kept.
    """
    decoded = Decoded(samples, size, scaled, Tars(samples.shards, data.cache_gb))
    if data.mode == "stream":
        return decoded, None
    cache = Cache(cache_folder(), data.cache_gb)
    path = cache.folder / _FOLDER / f"{_identity(samples, size, scaled)}.u8"
    shape = (len(samples), size[1], size[0], 3)
    try:
        cache.get(
            path, math.prod(shape), lambda final: _write(decoded, len(samples), final, threads)
        )
    finally:
        decoded.close()
    array = np.memmap(path, np.uint8, "r", shape=shape)
    if data.mode == "memmap":
        return Kept(array), None
    _check_memory(array.nbytes, device)
    if device.type == "cpu":
        return Kept(np.array(array)), None
    return Kept(array), _on_device(array, device)


def _check_memory(needed: int, device: torch.device) -> None:
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        import psutil

        free = psutil.virtual_memory().available
    if needed > MEMORY_SHARE * free:
        raise WorkError(
            f"data.mode=resident: {needed / 1e9:.1f} GB of canvases, and {free / 1e9:.1f} GB of"
            f" memory are free on the {device.type}; use data.mode=memmap"
        )


def _on_device(array: NDArray[np.uint8], device: torch.device) -> Tensor:
    found = torch.empty(array.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(array), _CHUNK):
        some = slice(start, start + _CHUNK)
        found[some] = torch.from_numpy(np.array(array[some]))
    return found


def _write(decoded: Decoded, samples: int, path: Path, threads: int) -> None:
    """Decodes every sample into `path`, in the order of the shards."""
    width, height = decoded.size
    order = np.arange(samples, dtype=np.int64)
    chunks = [order[start : start + _CHUNK] for start in range(0, len(order), _CHUNK)]
    with open(path, "wb") as file, progress("canvases", samples) as advance:
        # Takes the room at once: a disk that fills up is one error, now.
        os.posix_fallocate(file.fileno(), 0, samples * height * width * 3)

        def write(number: int) -> int:
            chunk = chunks[number]
            decoded.expect(chunks[min(number + _AHEAD, len(chunks) - 1)])
            canvases = np.empty((len(chunk), height, width, 3), np.uint8)
            decoded.read(chunk, canvases)
            os.pwrite(file.fileno(), canvases.data, int(chunk[0]) * canvases[0].nbytes)
            return len(chunk)

        pool = ThreadPoolExecutor(max(1, threads), "canvases")
        try:
            for written in pool.map(write, range(len(chunks))):
                advance(written)
        finally:
            pool.shutdown(cancel_futures=True)


def _identity(samples: Samples, size: Size, scaled: bool) -> str:
    """Of what the canvases depend on: the data, the samples and their order, and the decoders."""
    parts = {
        "format": FORMAT,
        "data": samples.data_sha256,
        "keys": hashlib.sha256("\n".join(samples.keys).encode()).hexdigest(),
        "size": size,
        "scaled": scaled,
        "decoders": [version("simplejpeg"), cv2.__version__],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
