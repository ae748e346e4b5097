"""Write small pieces of network by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.baking.library import (
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    checker,
    helper,
    numpy_helper,
)

WHOLE_MAP = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.float32)
"""The region that Resize wants to be told before opset 13, although it only counts where one cuts out a part."""


class Sketch:
    """A piece of network under construction.

    Attributes:
        opset: the version of ONNX that says what its nodes mean; that of the network it will be joined with.
    """

    def __init__(self, opset: int, ir_version: int) -> None:
        self.opset = opset
        self._ir_version = ir_version
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def same_input(self, output: ValueInfoProto) -> str:
        """Declare an input that takes another piece's output."""
        self._inputs.append(output)
        return str(output.name)

    def output(self, tensor: str, name: str, kind: int, shape: Sequence[int | str]) -> None:
        """Declare ``tensor`` an output called ``name``."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))
        self._nodes.append(helper.make_node("Identity", [tensor], [name], name=f"{name}_out"))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes(op, 1, *inputs, **attributes)[0]

    def nodes(self, op: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with ``count`` outputs."""
        name = f"{op.lower()}_{len(self._nodes)}"
        outputs = [f"{name}:{i}" for i in range(count)]
        self._nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs

    def number(self, *values: float) -> str:
        """Add float32 numbers: one as a scalar, several as a row."""
        return self.weight(np.array(values if len(values) > 1 else values[0], np.float32))

    def whole(self, *values: int) -> str:
        """Add a row of whole numbers."""
        return self.weight(np.array(values, np.int64))

    def weight(self, numbers: NDArray[np.generic]) -> str:
        """Add numbers of any shape."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(numbers, name))
        return name

    def cast(self, tensor: str, kind: int) -> str:
        """Turn a tensor's numbers into another kind."""
        return self.node("Cast", tensor, to=kind)

    def slice(self, tensor: str, axis: int, first: int, last: int) -> str:
        """Take a range along an axis."""
        return self.node("Slice", tensor, self.whole(first), self.whole(last), self.whole(axis))

    def most(self, tensor: str, axis: int) -> str:
        """Take the greatest along an axis, which goes away."""
        if self.opset < 18:
            return self.node("ReduceMax", tensor, axes=[axis], keepdims=0)
        return self.node("ReduceMax", tensor, self.whole(axis), keepdims=0)

    def resize(self, tensor: str, factors: Sequence[float]) -> str:
        """Grow or shrink by linear interpolation between the middles of px, as OpenCV's INTER_LINEAR does."""
        region = "" if self.opset >= 13 else self.weight(WHOLE_MAP)
        words = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.node("Resize", tensor, region, self.weight(np.array(factors, np.float32)), **words)

    def done(self, name: str) -> ModelProto:
        """Give the piece as a model of its own, checked."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = self._ir_version
        checker.check_model(model, full_check=True)
        return model
