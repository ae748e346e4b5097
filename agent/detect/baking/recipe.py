"""What a baked model is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.detect.baking.lens import Lens
from agent.detect.card import Baking, Card


@dataclass(frozen=True, slots=True)
class Recipe:
    """The published model and what is wanted of it.

    Attributes:
        file: the published model.
        card: its card, with the wanted size of the network's input.
        fit: how the pictures that come will lie in it.
        colour: ``BGR`` or ``RGB``, the order of their pixels.
        baking: batch, precision, rows to keep; written into the model.
    """

    file: Path
    card: Card
    fit: Lens
    colour: str
    baking: Baking

    @property
    def exact(self) -> bool:
        """Whether the baked model does the very same arithmetic as the published one."""
        return self.baking.precision == "fp32" and self.fit.covered == (self.fit.height, self.fit.width)
