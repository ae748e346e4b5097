"""The one door to the package ``onnx``: only baking needs it, and no box does."""

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import (
    AttributeProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    checker,
    compose,
    defs,
    helper,
    load,
    numpy_helper,
    save,
    shape_inference,
)
from onnx.reference import ReferenceEvaluator

__all__ = [
    "AttributeProto",
    "DecodeError",
    "ModelProto",
    "NodeProto",
    "ReferenceEvaluator",
    "TensorProto",
    "TypeProto",
    "ValueInfoProto",
    "checker",
    "compose",
    "defs",
    "helper",
    "load",
    "numpy_helper",
    "save",
    "shape_inference",
]
