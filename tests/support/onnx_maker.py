"""Write small ONNX models byte by byte, so that tests run real networks without the onnx package.

Only what these tests need of the protobuf encoding (protobuf.dev/programming-guides/encoding) and of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FLOAT, _UINT8, _INT64 = 1, 2, 7
_TYPES = {"float32": _FLOAT, "uint8": _UINT8, "int64": _INT64, "float64": 11}

Shape = Sequence[int | str]


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field_id: int, value: int) -> bytes:
    return _varint(field_id << 3) + _varint(value)


def _bytes(field_id: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field_id << 3 | 2) + _varint(len(raw)) + raw


def _value(name: str, shape: Shape, dtype: str) -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, n) if isinstance(n, str) else _number(1, n)) for n in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _TYPES[dtype]) + _bytes(2, dims)))


@dataclass
class Graph:
    """A graph under construction."""

    nodes: list[bytes] = field(default_factory=list)
    weights: list[bytes] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> str:
        self.inputs.append(_value(name, shape, dtype))
        return name

    def output(self, name: str, shape: Shape, dtype: str = "float32") -> None:
        self.outputs.append(_value(name, shape, dtype))

    def weight(self, name: str, array: NDArray[np.generic]) -> str:
        dims = b"".join(_number(1, n) for n in array.shape)
        kind = _number(2, _TYPES[str(array.dtype)])
        self.weights.append(dims + kind + _bytes(8, name) + _bytes(9, np.ascontiguousarray(array).tobytes()))
        return name

    def weight_elsewhere(self, name: str, array: NDArray[np.generic], path: Path) -> str:
        """Keep a weight in a file of its own, beside the model's."""
        path.write_bytes(np.ascontiguousarray(array).tobytes())
        dims = b"".join(_number(1, n) for n in array.shape)
        place = _bytes(13, _bytes(1, "location") + _bytes(2, path.name))
        self.weights.append(dims + _number(2, _TYPES[str(array.dtype)]) + _bytes(8, name) + place + _number(14, 1))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **ints: int | Sequence[int]) -> str:
        body = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, op)
        for name, value in ints.items():
            if isinstance(value, int):
                body += _bytes(5, _bytes(1, name) + _number(3, value) + _number(20, 2))
            else:
                body += _bytes(5, _bytes(1, name) + b"".join(_number(8, v) for v in value) + _number(20, 7))
        self.nodes.append(body)
        return output

    def save(self, path: Path) -> Path:
        graph = b"".join(_bytes(1, node) for node in self.nodes) + _bytes(2, "test")
        graph += b"".join(_bytes(5, weight) for weight in self.weights)
        graph += b"".join(_bytes(11, value) for value in self.inputs)
        graph += b"".join(_bytes(12, value) for value in self.outputs)
        path.write_bytes(_number(1, 7) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13)))
        return path


def grid_model(
    path: Path,
    size: tuple[int, int],
    channels: int,
    strides: Sequence[int],
    *,
    batch: int | str = "N",
    names: tuple[str, str] = ("images", "output"),
    squash: bool = True,
    seed: int = 0,
) -> Path:
    """Write a network with random weights: one convolution a stride over (height, width), cells x channels out.

    With ``squash`` all its answers lie between 0 and 1, as the scores of a detector do.
    """
    draw = np.random.default_rng(seed)
    graph = Graph()
    picture = graph.input(names[0], (batch, 3, *size))
    levels = []
    for stride in strides:
        kernel = draw.normal(0, 0.02 / stride, (channels, 3, stride, stride)).astype(np.float32)
        weight = graph.weight(f"w{stride}", kernel)
        conv = graph.node("Conv", (picture, weight), f"c{stride}", kernel_shape=(stride,) * 2, strides=(stride,) * 2)
        shape = graph.weight(f"s{stride}", np.array([0, channels, -1], np.int64))
        levels.append(graph.node("Reshape", (conv, shape), f"r{stride}"))
    joined = graph.node("Concat", levels, "joined", axis=2)
    rows = graph.node("Transpose", (joined,), "rows" if squash else names[1], perm=(0, 2, 1))
    if squash:
        graph.node("Sigmoid", (rows,), names[1])
    cells = sum((size[0] // s) * (size[1] // s) for s in strides)
    graph.output(names[1], (batch, cells, channels))
    return graph.save(path)


def constant_model(
    path: Path,
    picture: tuple[str, Shape, str],
    answers: dict[str, NDArray[np.generic]],
) -> Path:
    """Write a network that answers the same whatever it is shown; ``picture`` is its input's name, shape, dtype."""
    graph = Graph()
    graph.input(*picture)
    for name, array in answers.items():
        graph.node("Identity", (graph.weight(f"{name}_value", array),), name)
        graph.output(name, array.shape, str(array.dtype))
    return graph.save(path)
