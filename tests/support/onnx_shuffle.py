"""Make a model that fits every shape and knows nothing: the same network with its weights in random order.

Walks the protobuf encoding of ONNX (protobuf.dev/programming-guides/encoding): ModelProto.graph = 7,
GraphProto.initializer = 5, TensorProto.data_type = 2 and raw_data = 9. Lengths stay as they are, so the file does too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

_GRAPH, _INITIALIZER, _DATA_TYPE, _RAW_DATA = 7, 5, 2, 9
_FLOAT = 1


def shuffle_weights(source: Path, target: Path, seed: int = 1) -> Path:
    """Write ``source`` to ``target`` with the values of every float32 tensor in random order."""
    rng = np.random.default_rng(seed)
    content = bytearray(source.read_bytes())
    shuffled = 0
    for graph, begin, end in _fields(content, 0, len(content)):
        if graph != _GRAPH:
            continue
        for part, first, last in _fields(content, begin, end):
            if part == _INITIALIZER:
                shuffled += _shuffle(content, first, last, rng)
    assert shuffled > 1000, f"{source} holds no weights to shuffle"
    target.write_bytes(content)
    return target


def _shuffle(content: bytearray, begin: int, end: int, rng: np.random.Generator) -> int:
    """Shuffle one tensor in place; gives how many values it has, 0 where it is not float32."""
    parts = {field: (first, last) for field, first, last in _fields(content, begin, end)}
    if _RAW_DATA not in parts or parts.get(_DATA_TYPE, (0, 0))[0] != _FLOAT:
        return 0
    first, last = parts[_RAW_DATA]
    values = np.frombuffer(bytes(content[first:last]), "<f4")
    content[first:last] = rng.permutation(values).tobytes()
    return len(values)


def _fields(content: bytearray, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Give the fields of a message: number, and where its bytes begin and end; a number field gives its value first."""
    at = begin
    while at < end:
        key, at = _varint(content, at)
        if key & 7 == 0:
            value, at = _varint(content, at)
            yield key >> 3, value, at
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if size is None:
            size, at = _varint(content, at)
        yield key >> 3, at, at + size
        at += size


def _varint(content: bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at
