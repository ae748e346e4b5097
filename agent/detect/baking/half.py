"""Half precision: a network in float32 becomes one in float16, weights and all; and what that costs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from agent.detect.baking.library import (
    ModelProto,
    NodeProto,
    TensorProto,
    checker,
    helper,
    numpy_helper,
    shape_inference,
)
from agent.errors import BackendMissing, ModelError


def halved(model: ModelProto, subject: str) -> ModelProto:
    """Give a network in float16 from its input to its outputs: no step mixes the two, as a typed engine demands.

    It must be the bare network: what is joined to it afterwards keeps its own precision.

    Raises:
        BackendMissing: ONNX Runtime comes without its converter here.
        ModelError: a step needs float32.
    """
    made = _converter()(model, keep_io_types=False, op_block_list=[])
    try:
        checker.check_model(made, full_check=True)
    except (checker.ValidationError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(subject, f"cannot be turned into half precision ({reason}); bake it with fp32") from error
    return made


def echoed(model: ModelProto, half: ModelProto) -> ModelProto:
    """Give a network in float32 that rounds as its half does: each weight, what goes in, and what each step gives.

    On a CPU, ONNX Runtime works out half precision in float32 from end to end and rounds nothing on the way, so it
    never shows what a GPU loses, least of all numbers beyond 65504. This network does.

    Args:
        model: the network in float32.
        half: what ``halved`` made of it.
    """
    echo = ModelProto()
    echo.CopyFrom(model)
    rounded = {each.name: each for each in half.graph.initializer if each.data_type == TensorProto.FLOAT16}
    for weight in echo.graph.initializer:
        if weight.name in rounded:
            numbers = numpy_helper.to_array(rounded[weight.name]).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(numbers, weight.name))
    known = shape_inference.infer_shapes(model).graph
    floats = {
        each.name for each in (*known.value_info, *known.output) if each.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    picture = model.graph.input[0].name
    del echo.graph.node[:]
    echo.graph.node.extend(_rounding(picture, f"{picture}/rounded"))
    for node in model.graph.node:
        step = echo.graph.node.add()
        step.CopyFrom(node)
        step.input[:] = [f"{name}/rounded" if name == picture else name for name in node.input]
        step.output[:] = [f"{name}/exact" if name in floats else name for name in node.output]
        for name in floats & set(node.output):
            echo.graph.node.extend(_rounding(f"{name}/exact", name))
    checker.check_model(echo, full_check=True)
    return echo


def _rounding(exact: str, rounded: str) -> list[NodeProto]:
    """Round to half precision, and carry on in float32."""
    down = helper.make_node("Cast", [exact], [f"{rounded}/half"], name=f"{rounded}/down", to=TensorProto.FLOAT16)
    return [down, helper.make_node("Cast", [f"{rounded}/half"], [rounded], name=f"{rounded}/up", to=TensorProto.FLOAT)]


def _converter() -> Callable[..., ModelProto]:
    """Load ONNX Runtime's own converter; its package puts its folder of scripts on the path, which is taken off."""
    path = list(sys.path)
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise BackendMissing(
            "bake", f"onnxruntime comes without its float16 converter ({error}); install it with pip, or bake with fp32"
        ) from error
    finally:
        sys.path[:] = path
    converter: Callable[..., ModelProto] = convert_float_to_float16
    return converter
