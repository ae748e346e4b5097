"""Hold a baked model against the published one and ``decode.py``, on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.detect.baking.recipe import Recipe
from agent.detect.card import Card
from agent.detect.decode import Candidates, make_decoder
from agent.detect.engine import Engine, open_engine
from agent.detect.prepare import Preparer
from agent.errors import ModelError

BOX_PX = 0.5
SCORE = 0.01
"""What two computations of one network may differ by: half a pixel of the network's input, a hundredth in score."""

_SURE = 0.05
_LEAST_ROWS = 50

_MOST_LOST = 0.2
"""Share of boxes that half precision, or a resize within the model, may carry far away: sound models lose 4 % at most.

The drawn picture has little to be found, so small changes move its boxes much. How far sound models move on pictures
of streets is measured elsewhere (docs/design/detect.md); this limit is meant for what breaks.
"""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a baked model is from the published one; px are those of the network's own input.

    Attributes:
        rows: boxes compared: those of score 0.05 and better, and at least the 50 best of each picture.
        beyond: how many of them the published model does not have within 0.5 px and 0.01 of score.
        lost: how many it does not have within ten times that.
        box_px: the farthest of the others.
        score: the farthest of the others.
        batch_px: what any box moves by when other pictures come with its own.
    """

    rows: int
    beyond: int
    lost: int
    box_px: float
    score: float
    batch_px: float


def compare(recipe: Recipe, reference: Path, card: Card, model: Path, pictures: Sequence[Picture]) -> Agreement:
    """Run both on the same pictures, (H, W, 3) uint8 BGR of any sizes, at least one.

    Args:
        recipe: what ``model`` was made from.
        reference: the published network, one picture of the recipe's size at a time, with its own answer.
        card: of ``model``.
        model: the baked model.
        pictures: to run.

    Raises:
        ModelError: one of them cannot be run, or the baked one answers with NaN or infinity.
    """
    published, engine = open_engine("onnx", reference, 1), open_engine("onnx", model, 1)
    inputs = [_prepared(card, picture) for picture in pictures]
    alone = [_decoded(engine, [one], recipe)[0] for one in inputs]
    most = engine.max_batch or len(inputs)
    together = [each for i in range(0, len(inputs), most) for each in _decoded(engine, inputs[i : i + most], recipe)]
    raw = [_raw(recipe.card, published, one if recipe.colour == "BGR" else one[:, :, ::-1]) for one in inputs]
    far = np.concatenate([distances(one, found) for one, found in zip(raw, alone, strict=True)])
    beyond, lost = ((far[:, 0] > BOX_PX * times) | (far[:, 1] > SCORE * times) for times in (1, 10))
    box_px, score = far[~beyond].max(axis=0, initial=0)
    batch_px = max(np.abs(one.boxes - other.boxes).max() for one, other in zip(alone, together, strict=True))
    engine.close()
    published.close()
    return Agreement(len(far), int(beyond.sum()), int(lost.sum()), float(box_px), float(score), float(batch_px))


def judged(agreement: Agreement, recipe: Recipe) -> Agreement:
    """Give the agreement back, or refuse a model that is no longer the published one.

    Raises:
        ModelError: it answers otherwise, or a picture's boxes depend on which others come with it.
    """
    told = f"{agreement.beyond} of {agreement.rows} boxes differ by more than {BOX_PX} px or {SCORE} in score"
    if recipe.exact and agreement.beyond:
        raise ModelError(str(recipe.file), f"does not agree with itself once baked: {told}; this is a fault of baking")
    if agreement.lost > _MOST_LOST * agreement.rows:
        raise ModelError(str(recipe.file), f"does not agree with itself once baked: {told}; bake it with fp32")
    if agreement.batch_px > BOX_PX:
        moved = f"boxes move by {agreement.batch_px:.2f} px when other pictures come in the same call"
        raise ModelError(str(recipe.file), f"cannot be baked: {moved}")
    return agreement


def _prepared(card: Card, picture: Picture) -> Picture:
    preparer = Preparer(card.input)
    slot = np.empty(preparer.shape, np.uint8)
    preparer.fill(picture, slot)
    return slot


def _decoded(engine: Engine, pictures: Sequence[Picture], recipe: Recipe) -> list[Candidates]:
    """Run the baked model; give each picture's rows, in px of the network's input."""
    boxes, scores, classes = engine.run(np.stack(pictures))
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ModelError(str(recipe.file), "answers with NaN or infinity once baked; bake it with fp32")
    boxes = boxes / np.array([recipe.fit.x_scale, recipe.fit.y_scale] * 2, np.float32)
    return [Candidates(boxes[i], scores[i].copy(), classes[i].astype(np.int64)) for i in range(len(pictures))]


def _raw(card: Card, engine: Engine, pixels: Picture) -> Candidates:
    """Give every row of the published model's answer, in px of its input."""
    preparer = Preparer(card.input)
    batch = np.empty((1, *preparer.shape), card.input.dtype)
    preparer.fill(pixels, batch[0])
    answers = dict(zip((each.name for each in engine.outputs), engine.run(batch), strict=True))
    outputs = tuple(answers[name][0] for name in card.outputs or answers)
    with np.errstate(over="ignore", invalid="ignore"):
        return make_decoder(card).read(outputs, -np.inf)


def distances(raw: Candidates, found: Candidates) -> Floats:
    """Give for each of the best found rows how far, in px and in score, the nearest raw row of its class is."""
    count = max(int((found.scores >= _SURE).sum()), min(_LEAST_ROWS, len(found.scores)))
    box = np.abs(found.boxes[:count, None] - raw.boxes).max(axis=2)
    score = np.abs(found.scores[:count, None] - raw.scores)
    strange = found.class_ids[:count, None] != raw.class_ids
    nearest = np.where(strange, np.inf, np.maximum(box / BOX_PX, score / SCORE)).argmin(axis=1)
    rows = np.arange(count)
    far = np.stack((box[rows, nearest], score[rows, nearest]), axis=1)
    far[strange[rows, nearest]] = np.inf
    return far
