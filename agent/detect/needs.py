"""What a card needs of the software that runs its model."""

from __future__ import annotations

import re

from agent.detect.card import Card
from agent.errors import BackendMissing


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
