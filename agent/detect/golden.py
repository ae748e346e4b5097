"""Does the engine of this box compute what the model says? The same pictures through it and through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.detect.baking.proof import BOX_PX, SCORE, distances
from agent.detect.card import Card
from agent.detect.catalogue import find_card
from agent.detect.chart import golden_pictures
from agent.detect.decode import Candidates
from agent.detect.engine import Engine, Tensor, open_engine
from agent.detect.modelstore import resolve_model
from agent.detect.prepare import Preparer
from agent.detect.settings import DetectSettings
from agent.errors import ModelError

_MOST_LOST = 0.2
"""Share of boxes that may be far away: half precision moves boxes in a picture with nothing to be found (see proof)."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Golden:
    """How far an engine is from ONNX Runtime on the same file; px are those of the model's input.

    Attributes:
        rows: boxes compared, the best of each picture.
        beyond: how many ONNX Runtime does not have within 0.5 px and 0.01 of score.
        lost: how many it does not have within ten times that.
        box_px: the farthest of the others.
        score: the farthest of the others.
    """

    rows: int
    beyond: int
    lost: int
    box_px: float
    score: float

    @property
    def sound(self) -> bool:
        """Whether this is rounding and nothing else."""
        return self.rows > 0 and self.lost <= _MOST_LOST * self.rows


def golden_test(settings: DetectSettings, pictures: Sequence[Picture]) -> Golden:
    """Run the configured engine and ONNX Runtime on the same pictures, (H, W, 3) uint8 BGR, in every batch size.

    Raises:
        ModelError: one of them cannot be run, or answers with NaN or infinity.
        BackendMissing: the engine is not to be had here.
    """
    card = find_card(settings.card, settings.models_dir)
    model = resolve_model(settings, card)
    engine = open_engine(settings.engine, model, settings.threads, settings.tensorrt)
    try:
        reference = open_engine("onnx", model, settings.threads)
        try:
            return compare(card, model, engine, reference, pictures)
        finally:
            reference.close()
    finally:
        engine.close()


def compare(card: Card, model: Path, engine: Engine, reference: Engine, pictures: Sequence[Picture]) -> Golden:
    """Hold ``engine`` against ``reference``; see ``golden_test``."""
    batch = _prepared(card, pictures)
    expected = _rows(model, reference, batch, 1)
    far = np.concatenate(
        [
            distances(one, found)
            for size in range(1, min(engine.max_batch or len(batch), len(batch)) + 1)
            for one, found in zip(expected, _rows(model, engine, batch, size), strict=True)
        ]
    )
    beyond, lost = ((far[:, 0] > BOX_PX * times) | (far[:, 1] > SCORE * times) for times in (1, 10))
    box_px, score = far[~beyond].max(axis=0, initial=0)
    return Golden(len(far), int(beyond.sum()), int(lost.sum()), float(box_px), float(score))


def prove(card: Card, model: Path, engine: Engine, threads: int) -> None:
    """Refuse an engine that computes something else than ONNX Runtime does from the same file.

    For cards that name the TensorRT they need: below it that kind of network is known to answer wrongly and to say
    nothing, so that the next version is not believed either until it has been seen to be right.

    Raises:
        ModelError: it does.
    """
    reference = open_engine("onnx", model, threads)
    try:
        found = compare(card, model, engine, reference, golden_pictures())
    finally:
        reference.close()
    if not found.sound:
        raise ModelError(
            str(model),
            f"computes something else in TensorRT than in ONNX Runtime: {found.lost} of {found.rows} boxes lie far off;"
            " build its engine again (commune-agent model build --again), bake it with fp32, or take a YOLOX card",
        )


def _prepared(card: Card, pictures: Sequence[Picture]) -> Tensor:
    preparer = Preparer(card.input)
    batch = np.empty((len(pictures), *preparer.shape), card.input.dtype)
    for picture, slot in zip(pictures, batch, strict=True):
        preparer.fill(picture, slot)
    return batch


def _rows(model: Path, engine: Engine, batch: Tensor, size: int) -> list[Candidates]:
    """Run ``size`` pictures a call; give each picture's rows, copied: answers are borrowed."""
    found = []
    for start in range(0, len(batch), size):
        answers = dict(
            zip((each.name for each in engine.outputs), engine.run(batch[start : start + size]), strict=True)
        )
        boxes, scores = answers["boxes"], answers["scores"]
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ModelError(str(model), "answers with NaN or infinity; build its engine again, or bake it with fp32")
        for i in range(len(boxes)):
            classes = answers["classes"][i].astype(np.int64)
            found.append(Candidates(boxes[i].copy(), scores[i].copy(), classes))
    return found
