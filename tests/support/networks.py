"""Small networks written as text, with random weights; needs the package ``onnx``."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

Array = NDArray[np.generic]
Numbers = Array | list[int] | tuple[int, ...]
"""A weight: numbers as they are, whole numbers, or the shape of random ones."""


@dataclass(frozen=True)
class Network:
    """A network that can be written for any size of its picture ``x``; its outputs are ``y`` and maybe ``z``.

    Attributes:
        body: nodes in ONNX's text form.
        weights: by name; what depends on the size is a function of height and width.
    """

    body: str
    weights: dict[str, Numbers | Callable[[int, int], Numbers]] = field(default_factory=dict)
    opset: int = 13

    def written(self, height: int, width: int, batch: int | str = 1) -> ModelProto:
        """Write it for one size."""
        head = f'<ir_version: 8, opset_import: ["": {self.opset}]> net (float[1, 3, {height}, {width}] x) => (float y)'
        model = parser.parse_model(f"{head} {{ {self.body} }}")
        given = {name: each(height, width) if callable(each) else each for name, each in self.weights.items()}
        model.graph.initializer.extend(_weight(name, numbers) for name, numbers in given.items())
        ends = ("y", "z") if "z = " in self.body else ("y",)
        del model.graph.output[:]
        model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends)
        if batch != 1:
            model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = str(batch)
        return model


def _weight(name: str, numbers: Numbers) -> TensorProto:
    if isinstance(numbers, list):
        return numpy_helper.from_array(np.array(numbers, np.int64), name)
    if isinstance(numbers, tuple):
        drawn = np.random.default_rng(zlib.crc32(name.encode())).normal(0, 0.3, numbers)
        return numpy_helper.from_array(drawn.astype(np.float32), name)
    return numpy_helper.from_array(numbers, name)


def answers(model: ModelProto, pictures: Array) -> list[Array]:
    """Run a model on ONNX Runtime, as it is written: nothing is optimised away."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: pictures}))
