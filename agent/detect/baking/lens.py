"""How a picture of the baked input's size lies in the network's."""

from __future__ import annotations

from dataclasses import dataclass

from agent.detect.card import InputSpec


@dataclass(frozen=True, slots=True)
class Lens:
    """How a picture of the baked input's size is fitted into the network's.

    Attributes:
        height: of the baked input, px.
        width: of the baked input, px.
        covered: height and width of the part of the network's input that the picture covers, px.
        y_scale: px of the baked input in one px of the network's.
        x_scale: the same across.
    """

    height: int
    width: int
    covered: tuple[int, int]
    y_scale: float
    x_scale: float


def lens(spec: InputSpec, picture: tuple[int, int] | None) -> Lens:
    """Work out the fit: as ``prepare.py`` does it for frames; None for pictures that come in the network's own size."""
    height, width = picture or (spec.height, spec.width)
    if spec.resize == "stretch":
        return Lens(height, width, (spec.height, spec.width), height / spec.height, width / spec.width)
    ratio = min(spec.height / height, spec.width / width)
    return Lens(height, width, (max(1, int(height * ratio)), max(1, int(width * ratio))), 1 / ratio, 1 / ratio)
