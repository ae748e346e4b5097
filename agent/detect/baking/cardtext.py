"""Write the card of a baked model as TOML."""

from __future__ import annotations

import json
from dataclasses import asdict

from agent.detect.card import Baking, Card


def card_text(card: Card, baking: Baking) -> str:
    """Give the text of a card that ``cardfile.read_card`` reads back as the same card.

    Its head is ``decoded``; JSON's way of writing text, numbers and lists is also TOML's.
    """
    lines = [
        "# Written by `commune-agent model bake`; it belongs to the file of the same name beside it.",
        *_pairs(
            {
                "id": card.id,
                "title": card.title,
                "file": card.file,
                "licence": card.licence,
                "sha256": card.sha256,
                "labels": list(card.labels),
                "batch": card.batch,
                "conf": card.conf,
                "nms_iou": card.nms_iou,
                "verified": card.verified,
                "provenance": card.provenance,
            }
        ),
        "",
        "[input]",
        *_pairs(
            {
                "name": card.input.name,
                "height": card.input.height,
                "width": card.input.width,
                "layout": card.input.layout,
                "dtype": card.input.dtype,
                "colour": card.input.colour,
                "resize": card.input.resize,
                "interpolation": card.input.interpolation,
                "pad": card.input.pad,
            }
        ),
        "",
        "[decode]",
        *_pairs({"kind": "decoded", "outputs": list(card.outputs)}),
        *_needs(card),
        "",
        "[bake]",
        *_pairs(asdict(baking)),
    ]
    return "\n".join(lines) + "\n"


def _pairs(values: dict[str, object]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _needs(card: Card) -> list[str]:
    if not card.least_tensorrt:
        return []
    return ["", "[needs]", *_pairs({"tensorrt": ".".join(map(str, card.least_tensorrt))})]
