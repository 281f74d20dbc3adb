"""Photographs for benchmarks: any number of different ones, from real or synthetic scenes."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from enrich.decode import Pixels
from shards.errors import UsageError

JPEG_QUALITY = 90
_MARGIN = 1.2
"""A scene is this much larger than the photographs that are cut out of it."""


def photograph(seed: int, width: int = 1280, height: int = 720) -> bytes:
    """A synthetic photograph as JPEG."""
    return encode(scene(seed, width, height), "jpg")


def encode(pixels: Pixels, extension: str) -> bytes:
    """As OpenCV writes it; JPEG at the quality of a good camera."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if extension == "jpg" else []
    _, data = cv2.imencode(f".{extension}", pixels, parameters)
    return data.tobytes()


def scene(seed: int, width: int, height: int) -> Pixels:
    """Noise at several scales, which compresses about as well as a street scene."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for scale in (4, 16, 64, 256):
        shape = (height // scale + 2, width // scale + 2, 3)
        noise = random.normal(0, 12 + scale / 6, shape).astype(np.float32)
        pixels += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(pixels + 120, 0, 255).astype(np.uint8)


def read_scenes(folder: Path) -> list[Path]:
    """The photographs below `folder`, sorted. Raises UsageError when there is none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise UsageError(f"{folder}: no JPEG or PNG photographs in it")
    return found


def write_photographs(
    files: Sequence[Path], number: int, size: tuple[int, int], real: Sequence[Path]
) -> None:
    """Writes different pieces of one scene, of `size` (width, height) pixels each.

    It is scene `number` of `real`, or a synthetic one when there are none. The files' extension
    is their format.
    """
    whole = _large_scene(number, size, real)
    for piece, path in enumerate(files):
        random = np.random.default_rng((number, piece))
        left, top = (
            int(random.integers(0, have - want + 1))
            for have, want in zip(whole.shape[1::-1], size, strict=True)
        )
        pixels = whole[top : top + size[1], left : left + size[0]]
        path.write_bytes(encode(pixels[:, :: random.choice([1, -1])], path.suffix[1:]))


def _large_scene(number: int, size: tuple[int, int], real: Sequence[Path]) -> Pixels:
    """At least `_MARGIN` times `size`."""
    width, height = (round(side * _MARGIN) for side in size)
    if not real:
        return scene(number, width, height)
    path = real[number % len(real)]
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise UsageError(f"{path}: not a photograph that OpenCV reads; take it out of the folder")
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    area = (max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, area, interpolation=how), dtype=np.uint8)
