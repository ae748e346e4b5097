"""Read a model file as published, as far as baking can take it on."""

from __future__ import annotations

from pathlib import Path

from agent.detect.baking.library import (
    DecodeError,
    ModelProto,
    TensorProto,
    ValueInfoProto,
    checker,
    load,
    numpy_helper,
    shape_inference,
)
from agent.detect.modelfile import check_file
from agent.errors import ModelError

LEAST_OPSET = 11
"""From here on Resize, Pad and Clip mean what they mean today."""


def read_published(path: Path) -> ModelProto:
    """Load an ONNX file and make sure that it is whole, self-contained and of a form that can be baked.

    Raises:
        ModelError: it is not; the error says why.
    """
    check_file(path)
    subject = str(path)
    try:
        model = load(str(path), format="protobuf", load_external_data=False)
        if any(each.data_location == TensorProto.EXTERNAL for each in model.graph.initializer):
            raise ModelError(subject, "keeps its weights in a second file; export it again as one single file")
        if model.graph.sparse_initializer:
            raise ModelError(subject, "has sparse weights; export it with all of them written out")
        checker.check_model(model)
        for each in model.graph.initializer:
            numpy_helper.to_array(each)
    except (DecodeError, checker.ValidationError, ValueError, RuntimeError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            subject, f"is damaged, cut short or not ONNX ({reason}); fetch it again and compare its sha256"
        ) from error
    if opset_of(model) < LEAST_OPSET:
        raise ModelError(subject, f"is of opset {opset_of(model)}; export it again with opset {LEAST_OPSET} to 17")
    return model


def untouched(model: ModelProto, subject: str, outputs: tuple[str, ...]) -> ModelProto:
    """Give a model as it was published, for its one picture, with only the wanted outputs; empty for all.

    Raises:
        ModelError: it has no such output, or its lengths cannot be told beforehand.
    """
    kept = ModelProto()
    kept.CopyFrom(model)
    known = {each.name: each for each in shape_inference.infer_shapes(model, data_prop=True).graph.output}
    del kept.graph.output[:]
    for name in outputs or known:
        lengths = [each.dim_value for each in known[name].type.tensor_type.shape.dim] if name in known else []
        if not lengths or 0 in lengths or lengths[0] != 1:
            raise ModelError(
                subject, f"has no output {name!r} with a row a picture, of a size that it tells beforehand"
            )
        kept.graph.output.append(known[name])
    picture = picture_of(model, subject)  # weights may be inputs too, which they are no more
    del kept.graph.input[:]
    kept.graph.input.append(picture)
    return kept


def opset_of(model: ModelProto) -> int:
    """Give the version of ONNX's own operators that a model uses."""
    return max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)


def picture_of(model: ModelProto, subject: str) -> ValueInfoProto:
    """Give the one input of a model that is no weight.

    Raises:
        ModelError: there are several, or it is no picture of three planes of float32.
    """
    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if len(inputs) != 1:
        raise ModelError(subject, f"has {len(inputs)} inputs; a detector has one, the picture")
    tensor = inputs[0].type.tensor_type
    shape = [each.dim_value or each.dim_param or "?" for each in tensor.shape.dim]
    if tensor.elem_type != TensorProto.FLOAT or len(shape) != 4 or shape[1] != 3:
        raise ModelError(
            subject, f"takes {inputs[0].name!r} {shape}; only a float32 picture [N, 3, height, width] can be baked"
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelError(subject, f"takes exactly {shape[0]} pictures a call; export it for 1 or for any number")
    picture: ValueInfoProto = inputs[0]
    return picture
