"""What a card needs of the software that runs its model, and that software of the model."""

from __future__ import annotations

import re

from agent.detect import tensorrt
from agent.detect.card import Card, DecodedHead
from agent.errors import BackendMissing, ModelError


def refuse_old_tensorrt(card: Card, version: str) -> None:
    """Refuse to run a model on a TensorRT that is known to answer wrongly for it.

    Args:
        card: of the model.
        version: of the TensorRT that is here, e.g. ``10.3.0`` or ``10.16.2.10``.

    Raises:
        BackendMissing: it is older than the card needs.
    """
    here = tuple(map(int, re.findall(r"\d+", version)))
    if here < card.least_tensorrt:
        wanted = ".".join(map(str, card.least_tensorrt))
        raise BackendMissing(
            "tensorrt",
            f"it is {version}, and {card.id} needs {wanted} (JetPack 7.2) to be sound; take a YOLOX card on this box",
        )


def check_tensorrt(card: Card) -> None:
    """Make sure that TensorRT is here, and can run the model of this card.

    Raises:
        ModelError: the model is not baked.
        BackendMissing: TensorRT is not here, or too old.
    """
    check_baked(card)
    refuse_old_tensorrt(card, tensorrt.load_tensorrt().__version__)


def check_baked(card: Card) -> None:
    """Refuse, for TensorRT, a model that does not take pixels and give boxes.

    Raises:
        ModelError: it must be baked first; the error has the command.
    """
    spec = card.input
    if isinstance(card.head, DecodedHead) and (spec.layout, spec.dtype) == ("NHWC", "uint8"):
        return
    raise ModelError(
        f"card {card.id}",
        "is of a model as published, and TensorRT runs baked ones alone: commune-agent model bake FILE --card"
        f" {card.id} --precision fp16 -o {card.id}-baked.onnx, then commune-agent model add {card.id}-baked.onnx --card"
        f" {card.id}-baked",
    )
