"""Follow a network step by step, from the picture to its answers, and open it for any batch and another size.

Two kinds of tensors go through a network. Those that come from the picture carry the batch in one of their lengths.
All others (weights, shapes, targets) are known: they are worked out here. A step that the picture goes through is taken
over only where a rule shows that what it does to several pictures is what it does to each; any other is refused by
name. Nothing is tried out, so what holds for two pictures holds for any number.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from agent.detect.baking.dims import BATCH, CannotFollow, afters, batch_axis, befores, dim
from agent.detect.baking.library import (
    AttributeProto,
    ModelProto,
    NodeProto,
    ReferenceEvaluator,
    checker,
    helper,
    numpy_helper,
    shape_inference,
)
from agent.detect.baking.published import opset_of, picture_of
from agent.detect.baking.rules import RULES
from agent.detect.baking.step import Array, Flow, Known, Step
from agent.errors import ModelError

Size = tuple[int, int]


def opened(model: ModelProto, subject: str, size: Size, outputs: tuple[str, ...], batch: int | str) -> ModelProto:
    """Give the same network for ``batch`` pictures (a number, or a name: any number) of ``size`` (height, width).

    Args:
        model: as published: one input (N, 3, H, W).
        subject: name of its file, for errors.
        size: wanted; where it is not the published one, every number that belongs to the latter is exchanged.
        outputs: those that are wanted, in this order; empty for all.
        batch: what the first length of input and outputs shall be.

    Raises:
        ModelError: a step cannot be followed; the error names its node and why.
    """
    trace = Trace(model, subject, size)
    for node in model.graph.node:
        trace.follow(node)
    return trace.rebuilt(outputs or tuple(each.name for each in model.graph.output), batch)


class Trace:
    """The state of the walk: what is known of every tensor so far, and the nodes that stay."""

    def __init__(self, model: ModelProto, subject: str, size: Size) -> None:
        self._model = model
        self._subject = subject
        self._opset = opset_of(model)
        given = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self._tensors: dict[str, Flow | Known] = {name: Known(each, each, each) for name, each in given.items()}
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, Array] = {}
        self._picture = picture_of(model, subject)
        shape = self._picture.type.tensor_type.shape.dim
        sides = [dim(each.dim_value or wanted, wanted) for each, wanted in zip(shape[2:], size, strict=True)]
        self._tensors[self._picture.name] = Flow(
            ((BATCH,), dim(3, 3), *sides), self._picture.type.tensor_type.elem_type
        )

    def follow(self, node: NodeProto) -> None:
        """Take one node: work it out where all that goes in is known, keep it where a rule allows."""
        try:
            self._follow(node)
        except CannotFollow as error:
            raise self._refusal(node, str(error)) from error
        except (LookupError, ValueError, TypeError, ArithmeticError, AssertionError) as error:
            raise self._refusal(node, f"it is not as the operator is defined ({error!r})") from error

    def _refusal(self, node: NodeProto, fault: str) -> ModelError:
        return ModelError(
            self._subject,
            f"cannot be baked: node {node.name or node.output[0]!r} ({node.op_type}): {fault};"
            " export the model again for any batch and the wanted size, or bake it in its own size with --batch 1",
        )

    def _follow(self, node: NodeProto) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise CannotFollow(f"it belongs to the foreign set {node.domain!r}")
        if any(each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for each in node.attribute):
            raise CannotFollow("it holds a network of its own (a branch or a loop)")
        inputs = [self._tensors[name] if name else None for name in node.input]
        if not any(isinstance(each, Flow) for each in inputs):
            self._work_out(node, [each for each in inputs if isinstance(each, Known)])
        elif node.op_type == "Shape":
            self._tensors[node.output[0]] = _shape(Step(node, inputs, self._opset))
        elif node.op_type in RULES:
            step = Step(node, inputs, self._opset)
            flows = RULES[node.op_type](step)
            self._tensors.update(zip(filter(None, node.output), flows, strict=False))
            self._keep(step)
        else:
            raise CannotFollow("what this kind of step does to several pictures is not known here")

    def _work_out(self, node: NodeProto, inputs: list[Known]) -> None:
        if node.op_type in _BY_CHANCE:
            raise CannotFollow("it gives other numbers every time")
        names = [name for name in node.input if name]
        worlds = [{name: getattr(each, world) for name, each in zip(names, inputs, strict=True)} for world in _WORLDS]
        try:
            worker = ReferenceEvaluator(node, opsets={"": self._opset})
            before = worker.run(None, worlds[0])
            alike = all(each.before is each.after is each.twice for each in inputs)
            after, twice = (before, before) if alike else (worker.run(None, worlds[1]), worker.run(None, worlds[2]))
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise CannotFollow(f"it cannot be worked out ({' '.join(str(error).split())[:100]})") from error
        for name, *values in zip(node.output, before, after, twice, strict=False):
            self._tensors[name] = Known(*map(np.asarray, values))

    def _keep(self, step: Step) -> None:
        node = NodeProto()
        node.CopyFrom(step.node)
        node.name = node.name or f"{node.op_type}_{len(self._nodes)}"
        for name in filter(None, node.input):
            value = self._tensors.get(name)
            if name in step.constants:
                self._constants[name] = step.constants[name]
            elif isinstance(value, Known):
                self._constants[name] = value.value
        self._nodes.append(node)

    def rebuilt(self, outputs: Iterable[str], batch: int | str) -> ModelProto:
        """Write the network anew: the kept nodes that the outputs need, the known numbers they take in."""
        results = []
        for name in outputs:
            flow = self._tensors.get(name)
            if not isinstance(flow, Flow) or flow.dims[0] != (BATCH,):
                raise ModelError(self._subject, f"cannot be baked: its output {name!r} does not hold a row a picture")
            results.append(helper.make_tensor_value_info(name, flow.kind, [batch, *afters(flow.dims)[1:]]))
        nodes = self._needed({each.name for each in results})
        used = {name for node in nodes for name in node.input}
        picture = self._tensors[self._picture.name]
        assert isinstance(picture, Flow)
        shown = helper.make_tensor_value_info(self._picture.name, picture.kind, [batch, *afters(picture.dims)[1:]])
        weights = [numpy_helper.from_array(value, name) for name, value in self._constants.items() if name in used]
        graph = helper.make_graph(nodes, "trunk", [shown], results, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)])
        model.ir_version = max(self._model.ir_version, 7)
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, shape_inference.InferenceError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(self._subject, f"cannot be baked: opened, it is no sound network ({reason})") from error
        return model

    def _needed(self, wanted: set[str]) -> list[NodeProto]:
        nodes: list[NodeProto] = []
        for node in reversed(self._nodes):
            if wanted & set(node.output):
                nodes.insert(0, node)
                wanted |= set(node.input)
        return nodes


_BY_CHANCE = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
_WORLDS = ("before", "after", "twice")


def _shape(step: Step) -> Known:
    """Shape: for one picture of the published size, one of the wanted size, and two of those."""
    dims = step.flow.dims
    old, new = np.array(befores(dims), np.int64), np.array(afters(dims), np.int64)
    twice = new.copy()
    twice[batch_axis(dims)] *= 2
    part = slice(step.whole("start", 0), step.whole("end", len(dims)))
    return Known(old[part], new[part], twice[part])
