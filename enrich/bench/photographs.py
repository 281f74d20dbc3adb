"""Photographs for benchmarks: any number of different ones, from real or synthetic scenes."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels
from shards.errors import UsageError

Floats = npt.NDArray[np.float32]

JPEG_QUALITY = 90
_MARGIN = 1.2
"""What photographs are cut out of is this much larger."""
_COARSE, _FINE = (256, 64), (16, 4)
"""Sizes of the details of synthetic photographs, in pixels."""


def photograph(seed: int, width: int = 1280, height: int = 720) -> bytes:
    """A synthetic photograph as JPEG: it compresses about as well as a street scene."""
    random = np.random.default_rng(seed)
    return encode(_to_pixels(_noise(random, (width, height), (*_COARSE, *_FINE))), "jpg")


def encode(pixels: Pixels, extension: str) -> bytes:
    """As OpenCV writes it; JPEG at the quality of a good camera."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if extension == "jpg" else []
    _, data = cv2.imencode(f".{extension}", pixels, parameters)
    return data.tobytes()


def read_scenes(folder: Path) -> list[Path]:
    """The photographs below `folder`, sorted. Raises UsageError when there is none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise UsageError(f"{folder}: no JPEG or PNG photographs in it")
    return found


def write_photographs(
    files: Sequence[Path], number: int, size: tuple[int, int], real: Sequence[Path]
) -> None:
    """Writes different photographs of `size` (width, height) pixels; the extension is the format.

    They are pieces of photograph `number` of `real`. Without real ones they are synthetic and have
    nothing but the fine grain in common.
    """
    whole = _large(real[number % len(real)], size) if real else _grain(number, size)
    for count, path in enumerate(files):
        random = np.random.default_rng((number, count))
        left, top = (
            int(random.integers(0, have - want + 1))
            for have, want in zip(whole.shape[1::-1], size, strict=True)
        )
        piece = whole[top : top + size[1], left : left + size[0]]
        picture = piece if real else _to_pixels(piece + _noise(random, size, _COARSE))
        pixels = np.asarray(picture, dtype=np.uint8)
        path.write_bytes(encode(pixels[:, :: random.choice([1, -1])], path.suffix[1:]))


def _noise(random: np.random.Generator, size: tuple[int, int], scales: Sequence[int]) -> Floats:
    """(height, width, 3): sums of smooth noise with details of so many pixels."""
    width, height = size
    total = np.zeros((height, width, 3), np.float32)
    for scale in scales:
        shape = (height // scale + 2, width // scale + 2, 3)
        noise = random.normal(0, 12 + scale / 6, shape).astype(np.float32)
        total += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return total


def _to_pixels(noise: Floats) -> Pixels:
    return np.clip(noise + 120, 0, 255).astype(np.uint8)


def _grain(number: int, size: tuple[int, int]) -> Floats:
    return _noise(np.random.default_rng(number), _with_margin(size), _FINE)


def _large(path: Path, size: tuple[int, int]) -> Pixels:
    """A real photograph, enlarged or reduced until it covers `size` and the margin."""
    width, height = _with_margin(size)
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise UsageError(f"{path}: not a photograph that OpenCV reads; take it out of the folder")
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    area = (max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, area, interpolation=how), dtype=np.uint8)


def _with_margin(size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * _MARGIN), round(size[1] * _MARGIN)
