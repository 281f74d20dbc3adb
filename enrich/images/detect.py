"""Where faces and number plates are, by the networks that OpenCV publishes for it.

Faces: YuNet (`face_detection_yunet_*.onnx`); plates: LPD-YuNet
(`license_plate_detection_lpd_yunet_*.onnx`), both of https://github.com/opencv/opencv_zoo. The
files are the user's: none comes with this program. What counts is their content, which the
dataset's options name by its SHA-256.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from enrich.images.decode import Pixels
from shards.errors import UsageError, WorkError

Floats = npt.NDArray[np.float32]

FACE, PLATE = "face", "plate"
DETECTION_SIZE = (1280, 720)
"""Pictures are looked at as large as this where they are; below it small faces are not found."""
MIN_SCORE = 0.6
"""Lower than for recognition: a face too many is blurred rather than one too few."""
_OVERLAP = 0.3
_MOST = 5000
_FAR = 1e6

_PLATE_INPUT = (320, 240)
_PLATE_STEP = (240, 180)
# What the network was trained with, as it is read in the zoo's own example: cell and box sizes in
# pixels, the share of a box's size that is one unit of an offset, and which of the 14 offsets are
# the four corners.
_PLATE_BOXES = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
_PLATE_UNIT = 0.1
_PLATE_CORNERS = (4, 5, 6, 7, 10, 11, 12, 13)


@dataclass(frozen=True, slots=True)
class Found:
    """A box in pixels of the picture that was looked at; it may reach beyond its edges."""

    what: str
    x: float
    y: float
    width: float
    height: float
    score: float


@dataclass(frozen=True, slots=True)
class Model:
    """A network's file. Two with the same content are the same one."""

    what: str
    path: Path
    sha256: str


class Detector(Protocol):
    def find(self, pixels: Pixels) -> list[Found]:
        """Everything in (h, w, 3) BGR pixels."""


def open_model(what: str, path: Path) -> Model:
    """Names a model file by its content. Raises UsageError when it is not one that can be used."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        _detector(what, data).find(np.zeros((96, 160, 3), np.uint8))
    except (cv2.error, IndexError, ValueError):
        name = "YuNet" if what == FACE else "LPD-YuNet"
        raise UsageError(
            f"{path}: not a {what} detector that OpenCV can run; give the ONNX file of {name}"
        ) from None
    return Model(what, path, hashlib.sha256(data).hexdigest())


@cache
def load_detector(model: Model) -> Detector:
    """The detector of a model, once per process. Raises WorkError when its file has changed."""
    try:
        data = model.path.read_bytes()
    except OSError as error:
        raise WorkError(f"{model.path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise WorkError(f"{model.path}: changed since the run began; run it again")
    return _detector(model.what, data)


def _detector(what: str, data: bytes) -> Detector:
    # OpenCV warns that its engine has no other devices than the processor.
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        return FaceDetector(data) if what == FACE else PlateDetector(data)
    finally:
        cv2.utils.logging.setLogLevel(before)


class FaceDetector:
    """YuNet takes pictures of any size; larger ones than DETECTION_SIZE are made smaller."""

    def __init__(self, model: bytes) -> None:
        network = np.frombuffer(model, np.uint8)
        nothing = np.empty(0, np.uint8)
        self._network = cv2.FaceDetectorYN.create(
            "onnx", network, nothing, _PLATE_INPUT, MIN_SCORE, _OVERLAP, _MOST
        )

    def find(self, pixels: Pixels) -> list[Found]:
        seen, scale = _shrunk(pixels)
        self._network.setInputSize((seen.shape[1], seen.shape[0]))
        rows: Any = self._network.detect(seen)[1]  # None without a face, say some versions
        return [] if rows is None else _found(FACE, rows[:, [0, 1, 2, 3, 14]], scale)


class PlateDetector:
    """LPD-YuNet takes 320x240 pixels: the whole picture at that size, and overlapping windows."""

    def __init__(self, model: bytes) -> None:
        self._network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))

    def find(self, pixels: Pixels) -> list[Found]:
        seen, scale = _shrunk(pixels)
        boxes = np.concatenate([self._boxes(window, *place) for window, *place in _windows(seen)])
        whole = boxes[:, :4].clip(-_FAR, _FAR).astype(int).tolist()
        kept = cv2.dnn.NMSBoxes(whole, boxes[:, 4].tolist(), MIN_SCORE, _OVERLAP, top_k=_MOST)
        return _found(PLATE, boxes[list(kept)], scale)

    def _boxes(self, window: Pixels, left: float, top: float, scale: float) -> Floats:
        """(x, y, width, height, score) of what is found in one window, in pixels of the whole."""
        self._network.setInput(cv2.dnn.blobFromImage(window))
        offsets, classes, overlaps = self._network.forward(["loc", "conf", "iou"])
        scores = np.sqrt(classes[:, 1].clip(0, 1) * overlaps[:, 0].clip(0, 1))
        likely = (scores >= MIN_SCORE) & np.isfinite(offsets).all(axis=1)
        boxes = _plate_boxes()[likely]
        corners = offsets[likely][:, _PLATE_CORNERS].reshape(-1, 4, 2)
        points = boxes[:, None, :2] + corners * _PLATE_UNIT * boxes[:, None, 2:]
        first, last = points.min(axis=1), points.max(axis=1)
        place = np.array([left, top])
        found = [first * scale + place, (last - first) * scale, scores[likely][:, None]]
        return np.concatenate(found, axis=1)


def _found(what: str, boxes: Floats, scale: float) -> list[Found]:
    """Rows of (x, y, width, height, score) in pixels of the picture that `scale` belongs to."""
    usable = boxes[np.isfinite(boxes).all(axis=1)]
    return [
        Found(what, x * scale, y * scale, width * scale, height * scale, score)
        for x, y, width, height, score in usable.clip(-_FAR, _FAR).tolist()
    ]


@cache
def _plate_boxes() -> Floats:
    """Centre and size (x, y, w, h) in pixels of the boxes that the outputs stand for, in order."""
    width, height = _PLATE_INPUT
    boxes = [
        ((column + 0.5) * cell, (row + 0.5) * cell, size, size)
        for cell, sizes in _PLATE_BOXES
        for row, column in product(range(height // cell), range(width // cell))
        for size in sizes
    ]
    return np.array(boxes, np.float32)


def _windows(pixels: Pixels) -> Iterator[tuple[Pixels, float, float, float]]:
    """Pictures of the network's size, each with its left, top and pixels per pixel."""
    width, height = _PLATE_INPUT
    rows, columns = pixels.shape[:2]
    scale = max(columns / width, rows / height)
    yield _fitted(pixels, scale), 0, 0, scale
    if scale <= 1:
        return
    for top, left in product(_starts(rows, height, 1), _starts(columns, width, 0)):
        yield _fitted(pixels[top : top + height, left : left + width], 1), left, top, 1


def _starts(length: int, window: int, axis: int) -> list[int]:
    last = max(0, length - window)
    return sorted({*range(0, last, _PLATE_STEP[axis]), last})


def _fitted(pixels: Pixels, scale: float) -> Pixels:
    """Reduced by `scale` into the upper left of a black picture of the network's size."""
    width, height = _PLATE_INPUT
    rows, columns = pixels.shape[:2]
    if scale != 1:
        size = max(1, min(width, round(columns / scale))), max(1, min(height, round(rows / scale)))
        how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=how))
        rows, columns = pixels.shape[:2]
    below, right = height - rows, width - columns
    return np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT))


def _shrunk(pixels: Pixels) -> tuple[Pixels, float]:
    """At most DETECTION_SIZE, in either orientation, and how many pixels one of its pixels is."""
    scale = max(pixels.shape[:2]) / max(DETECTION_SIZE)
    if scale <= 1:
        return pixels, 1.0
    size = max(1, round(pixels.shape[1] / scale)), max(1, round(pixels.shape[0] / scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)), scale
