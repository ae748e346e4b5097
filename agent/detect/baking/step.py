"""One step of a network: its node, and what is known of the tensors that go in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.baking.dims import CannotFollow, Dims, afters, batch_axis, befores
from agent.detect.baking.library import (
    NodeProto,
    TensorProto,
    TypeProto,
    checker,
    defs,
    helper,
    numpy_helper,
    shape_inference,
)

Array = NDArray[np.generic]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """A tensor that comes from the picture; ``kind`` is ONNX's number of its element type."""

    dims: Dims
    kind: int


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """A tensor whose numbers do not depend on the picture.

    Attributes:
        before: its numbers in the file as published, for one picture.
        after: at the wanted size, for one picture.
        twice: at the wanted size, for two.
    """

    before: Array
    after: Array
    twice: Array

    @property
    def value(self) -> Array:
        """Its numbers at the wanted size, which must be the same for any number of pictures."""
        if not _same(self.after, self.twice):
            raise CannotFollow("it works with numbers that depend on how many pictures come at once")
        return self.after

    @property
    def fixed(self) -> Array:
        """Its numbers, which must be the same at any size of the input too."""
        if not _same(self.before, self.value):
            raise CannotFollow("it works with numbers that depend on the size of the input")
        return self.value


@dataclass(eq=False)
class Step:
    """One node with what goes in; a rule may exchange the node for one that does the same for any batch.

    Attributes:
        node: the node.
        inputs: what goes in; None where an input is left out.
        opset: the version of ONNX that says what the node means.
        constants: numbers that an exchanged node takes in, by tensor name.
    """

    node: NodeProto
    inputs: list[Flow | Known | None]
    opset: int
    constants: dict[str, Array] = field(default_factory=dict)

    @property
    def flow(self) -> Flow:
        """Its first input, which must come from the picture."""
        first = self.inputs[0]
        if not isinstance(first, Flow):
            raise CannotFollow("the picture comes in at an unexpected place")
        return first

    @property
    def rank(self) -> int:
        """How many lengths the first input has."""
        return len(self.flow.dims)

    @property
    def axis(self) -> int:
        """Where the batch lies in the first input: it must be a length of its own."""
        axis = batch_axis(self.flow.dims)
        if len(self.flow.dims[axis]) != 1:
            raise CannotFollow("the batch is mixed with other lengths")
        return axis

    def known(self, index: int) -> Known | None:
        """Give an input that must not depend on the picture; None where it is left out."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if isinstance(value, Flow):
            raise CannotFollow(f"its input {index} depends on the picture")
        return value

    def word(self, name: str, default: str) -> str:
        """Give an attribute that is a word."""
        return str(self._attribute(name, default.encode()).decode())

    def whole(self, name: str, default: int) -> int:
        """Give an attribute that is a whole number."""
        return int(self._attribute(name, default))

    def wholes(self, name: str, index: int | None = None) -> list[int] | None:
        """Give whole numbers that come as an attribute, or since a later opset as input ``index``; None without."""
        value = self._attribute(name, None)
        if value is None and index is not None and (known := self.known(index)) is not None:
            value = known.fixed.tolist()
        return None if value is None else [int(each) for each in value]

    def place(self, axis: int) -> int:
        """Count an axis of the first input from the front."""
        return axis % self.rank

    def exchange(self, op: str, operands: Mapping[int, Array], *, keep_attributes: bool = False) -> None:
        """Put another node in this one's place; ``operands`` are its inputs beside the first, by their place."""
        inputs = [self.node.input[0]] + [""] * max(operands)
        for at, numbers in operands.items():
            inputs[at] = f"{self.node.output[0]}/{op}{at}"
            self.constants[inputs[at]] = numbers
        old, self.node = self.node, helper.make_node(op, inputs, list(self.node.output), name=self.node.name)
        if keep_attributes:
            self.node.attribute.extend(old.attribute)

    def shapes(self) -> list[tuple[Shape, Shape, int]]:
        """Give each output's lengths in the published file and at the wanted size, for one picture, and its kind."""
        old, new = self._inferred(wanted=False), self._inferred(wanted=True)
        return [(before, after, kind) for (before, kind), (after, _) in zip(old, new, strict=True)]

    def _inferred(self, wanted: bool) -> list[tuple[Shape, int]]:
        types: dict[str, TypeProto] = {}
        data: dict[str, TensorProto] = {}
        for name, value in zip(self.node.input, self._operands(), strict=False):
            if isinstance(value, Flow):
                lengths = afters(value.dims) if wanted else befores(value.dims)
                types[name] = helper.make_tensor_type_proto(value.kind, lengths)
            elif value is not None:
                data[name] = numpy_helper.from_array(value.value if wanted else value.before, name)
                types[name] = helper.make_tensor_type_proto(data[name].data_type, data[name].dims)
        imports = [helper.make_opsetid("", self.opset)]
        try:
            schema = defs.get_schema(self.node.op_type, self.opset, "")
            found = shape_inference.infer_node_outputs(schema, self.node, types, data, opset_imports=imports)
            return [_lengths(found[name]) for name in self.node.output if name]
        except (shape_inference.InferenceError, checker.ValidationError, RuntimeError, ValueError, KeyError) as error:
            raise CannotFollow(f"what goes in does not fit it ({' '.join(str(error).split())[:150]})") from error

    def _operands(self) -> list[Flow | Known | None]:
        if not self.constants:
            return self.inputs
        given = [self.constants.get(name) for name in self.node.input[1:]]
        return [self.flow, *(None if each is None else Known(each, each, each) for each in given)]

    def _attribute(self, name: str, default: Any) -> Any:
        return next((helper.get_attribute_value(each) for each in self.node.attribute if each.name == name), default)


def _same(one: Array, other: Array) -> bool:
    return one is other or (one.shape == other.shape and one.tobytes() == other.tobytes())


def _lengths(found: TypeProto) -> tuple[Shape, int]:
    tensor = found.tensor_type
    if not tensor.HasField("shape") or not all(each.HasField("dim_value") for each in tensor.shape.dim):
        raise CannotFollow("the size of what it gives cannot be told beforehand")
    return tuple(each.dim_value for each in tensor.shape.dim), tensor.elem_type
