"""What to bake: a small published detector and its card, or a shipped card; ``onnx`` is needed only to bake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agent.clock import SimulatedClock
from agent.core.frame import Frame
from agent.detect.bake import Baked, Order, bake, resized
from agent.detect.baking.lens import lens
from agent.detect.baking.recipe import Recipe
from agent.detect.card import Baking
from agent.detect.catalogue import find_card
from agent.detect.decode import MOST
from support.cards import WIDE
from support.onnx_maker import grid_model

CARD = WIDE.replace('"dynamic"', '"fixed"')


def shop(folder: Path, **changed: Any) -> Path:
    """Put the card and its published model, for one picture of 96 x 64, into a folder; gives the model."""
    (folder / "street.toml").write_text(CARD, "utf-8")
    words: dict[str, Any] = {"batch": 1, **changed}
    return grid_model(folder / "published.onnx", (64, 96), 9, (8, 16), **words)


def baked(folder: Path, target: str = "street-baked.onnx", **changed: Any) -> Baked:
    """Bake the published model of ``shop``."""
    words: dict[str, Any] = {"file": folder / "published.onnx", "card": "street", "tool": "test", **changed}
    return bake(Order(target=folder / target, models_dir=folder, **words))


def recipe(
    card_id: str,
    file: Path,
    size: tuple[int, int] | None = None,
    precision: str = "fp32",
    *,
    frame: tuple[int, int] | None = None,
    batch: int = 0,
    colour: str = "BGR",
) -> Recipe:
    """Say what is wanted of a published model that has a shipped card."""
    card = resized(find_card(card_id), size)
    spec = card.input
    facts = Baking(file.name, "", card_id, spec.height, spec.width, batch, precision, MOST, "test")
    return Recipe(file, card, lens(spec, frame), colour, facts)


def frame(seed: int, width: int = 120, height: int = 80) -> Frame:
    """Draw a frame of coloured blocks."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Frame(f"cam-{seed}", seed, SimulatedClock().now(), pixels.repeat(8, axis=0).repeat(8, axis=1))
