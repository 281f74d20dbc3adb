"""Detectors that know one colour each, as ONNX files with the inputs and outputs of OpenCV's own.

They are networks that OpenCV loads and runs as it does YuNet and LPD-YuNet: what is tested with
them is everything but what the real ones have learnt. A file is written field by field, as the
schema of ONNX says (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

import math
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]
_INT64, _FLOAT = 7, 1


def face_model(columns: int = 640, rows: int = 640) -> bytes:
    """Finds red things: a face of 64x64 pixels at each cell of 32 pixels that is red throughout.

    Outputs as YuNet's: for strides 8, 16 and 32 a class and an objectness per cell, a box (centre
    within the cell and logarithm of the size, both in cells) and five points.
    """
    graph = _Graph()
    for stride in (8, 16, 32):
        red = np.stack([np.full((stride, stride), sign) for sign in (-0.5, -0.5, 1.0)])
        # The mean of red less that of the others: 255 for pure red; OpenCV gives BGR.
        weights = (red[None] / stride**2 * 0.2).astype(np.float32)
        # Only the coarsest speaks.
        bias = np.array([-40.0 if stride == 32 else -1000.0], np.float32)
        graph.cells(f"cls_{stride}", weights, bias, stride)
        nothing = np.zeros((1, 3, stride, stride), np.float32)
        graph.cells(f"obj_{stride}", nothing, np.array([40.0], np.float32), stride)
        box = np.array([0.5, 0.5, math.log(64 / stride), math.log(64 / stride)], np.float32)
        for name, values in (("bbox", box), ("kps", np.zeros(10, np.float32))):
            weights = np.zeros((values.size, 3, stride, stride), np.float32)
            graph.cells(f"{name}_{stride}", weights, values, stride, squashed=False)
    return graph.model((1, 3, rows, columns))


def plate_model() -> bytes:
    """Finds blue things: a plate of 64x64 pixels at each cell of 32 pixels that is blue throughout.

    Outputs as LPD-YuNet's for 320x240 pixels: per prior box 14 numbers (`loc`), of which 4 to 7
    and 10 to 13 are the corners, two classes (`conf`) and one more score (`iou`).
    """
    graph = _Graph()
    # Priors: 30x40 cells of 8 pixels with 3 sizes, 15x20 of 16 with 2, 7x10 of 32 with 2, of which
    # the first is 64 pixels, 3x5 of 64 with 3.
    before, cells, after = 30 * 40 * 3 + 15 * 20 * 2, 7 * 10, 3 * 5 * 3
    blue = np.stack([np.full((32, 32), sign) for sign in (1.0, -0.5, -0.5)])[None] / 32**2 * 0.2
    weights = np.concatenate([blue, np.zeros_like(blue)]).astype(np.float32)
    graph.constant("weights", weights)
    graph.constant("bias", np.array([-40.0, -1000.0], np.float32))
    graph.node(
        "Conv", ["input", "weights", "bias"], "mean", kernel_shape=[32, 32], strides=[32, 32]
    )
    graph.node("Sigmoid", ["mean"], "seen")
    graph.node("Transpose", ["seen"], "by_cell", perm=[0, 2, 3, 1])
    graph.constant("shape", np.array([-1, 1], np.int64))
    graph.node("Reshape", ["by_cell", "shape"], "column")
    graph.constant("before", np.zeros((before, 1), np.float32))
    graph.constant("after", np.zeros((after, 1), np.float32))
    graph.node("Concat", ["before", "column", "after"], "plates", axis=0)
    count = before + 2 * cells + after
    graph.constant("others", np.zeros((count, 1), np.float32))
    graph.output("Concat", ["others", "plates"], "conf", axis=1)
    # Corners half a prior's size from its centre: the network's unit is a tenth of that size.
    corners = np.zeros((count, 14), np.float32)
    corners[:, 4:8], corners[:, 10:14] = (-5, -5, 5, -5), (-5, 5, 5, 5)
    graph.constant("corners", corners)
    graph.constant("nought", np.zeros((1, 14), np.float32))
    graph.output("Add", ["corners", "nought"], "loc")
    graph.constant("ones", np.ones((count, 1), np.float32))
    graph.constant("zero", np.zeros((1, 1), np.float32))
    graph.output("Add", ["ones", "zero"], "iou")
    return graph.model((1, 3, 240, 320))


class _Graph:
    def __init__(self) -> None:
        self._nodes = self._constants = self._outputs = b""

    def cells(
        self, name: str, weights: Array, bias: Array, stride: int, squashed: bool = True
    ) -> None:
        """An output of shape (1, cells, channels): a convolution without overlap, by row."""
        self.constant(f"{name}_w", weights)
        self.constant(f"{name}_b", bias)
        self.node(
            "Conv",
            ["input", f"{name}_w", f"{name}_b"],
            f"{name}_c",
            kernel_shape=[stride, stride],
            strides=[stride, stride],
        )
        if squashed:
            self.node("Sigmoid", [f"{name}_c"], f"{name}_s")
        last = f"{name}_s" if squashed else f"{name}_c"
        self.node("Transpose", [last], f"{name}_t", perm=[0, 2, 3, 1])
        self.constant(f"{name}_n", np.array([1, -1, weights.shape[0]], np.int64))
        self.output("Reshape", [f"{name}_t", f"{name}_n"], name)

    def constant(self, name: str, values: Array) -> None:
        kind = _INT64 if values.dtype == np.int64 else _FLOAT
        dims = b"".join(_number(1, side) for side in values.shape)
        tensor = dims + _number(2, kind) + _text(8, name) + _bytes(9, values.tobytes())
        self._constants += _bytes(5, tensor)

    def node(
        self, kind: str, inputs: Sequence[str], output: str, **attributes: int | list[int]
    ) -> None:
        body = b"".join(_text(1, name) for name in inputs)
        body += _text(2, output) + _text(3, output) + _text(4, kind)
        for name, value in attributes.items():
            if isinstance(value, int):
                body += _bytes(5, _text(1, name) + _number(3, value) + _number(20, 2))
            else:
                numbers = b"".join(_number(8, one) for one in value)
                body += _bytes(5, _text(1, name) + numbers + _number(20, 7))
        self._nodes += _bytes(1, body)

    def output(
        self, kind: str, inputs: Sequence[str], name: str, **attributes: int | list[int]
    ) -> None:
        self.node(kind, inputs, name, **attributes)
        # OpenCV asks for the number of dimensions alone.
        self._outputs += _bytes(12, _value(name, ("a", "b", "c")[: 3 if kind == "Reshape" else 2]))

    def model(self, shape: tuple[int, ...]) -> bytes:
        """The whole file, for an input named `input`."""
        graph = self._nodes + _text(2, "colours") + self._constants
        graph += _bytes(11, _value("input", shape)) + self._outputs
        return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, 13))


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    """The type of an input or output; a side that the network's input decides has a name."""
    sides = (_text(2, side) if isinstance(side, str) else _number(1, side) for side in shape)
    dims = b"".join(_bytes(1, side) for side in sides)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64-bit complement."""
    value &= (1 << 64) - 1
    found = b""
    while value >= 0x80:
        found += struct.pack("B", value & 0x7F | 0x80)
        value >>= 7
    return found + struct.pack("B", value)
