"""Read a network's raw answer: pure arithmetic, one reader a kind of head."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.core.detections import Detections
from agent.detect.card import Card, DetrHead, DistributionHead, FastestHead, YoloxHead
from agent.detect.engine import Tensor
from agent.detect.prepare import Fit
from agent.errors import ModelError

Floats = NDArray[np.float32]
Shape = tuple[int | None, ...]

MOST = 1000
"""Candidates kept for suppression, best first; a frame with more is noise, and the time for it must stay bounded."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """Boxes as the network put them, before suppression; px of the input, unchecked.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2.
        scores: (N,) float32.
        class_ids: (N,) int64.
    """

    boxes: Floats
    scores: Floats
    class_ids: NDArray[np.int64]


class Decoder(Protocol):
    """Reads the answer of one kind of head.

    Attributes:
        shapes: what each output must look like, without the batch; None where any length will do.
    """

    shapes: tuple[Shape, ...]

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """Give what is there from ``min_score`` on; ``outputs`` are those of one frame, of ``shapes``."""
        ...


def make_decoder(card: Card) -> Decoder:
    """Choose the reader for a card's head."""
    head = card.head
    if isinstance(head, YoloxHead):
        return YoloxDecoder(card, head)
    if isinstance(head, DistributionHead):
        return DistributionDecoder(card, head)
    if isinstance(head, FastestHead):
        return FastestDecoder(card, head)
    if isinstance(head, DetrHead):
        return DetrDecoder(card, head)
    return DecodedDecoder(card)


class YoloxDecoder:
    """YOLOX: centre = (t + cell) * stride, size = exp(t) * stride, score = objectness * best class."""

    def __init__(self, card: Card, head: YoloxHead) -> None:
        self._cells, self._strides = cells(card, head.strides, 0.0)
        self.shapes: tuple[Shape, ...] = ((len(self._cells), 5 + len(card.labels)),)

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """See ``Decoder.read``."""
        (answer,) = outputs
        rows = np.flatnonzero(answer[:, 4] >= min_score)  # no class score exceeds 1, so no other row can pass
        answer = _floats(answer[rows])
        class_ids, best = _best(answer[:, 5:])
        scores = answer[:, 4] * best
        strides = self._strides[rows, None]
        half = np.exp(answer[:, 2:4]) * strides / 2
        centre = answer[:, :2] * strides + self._cells[rows]
        passed = scores >= min_score
        boxes = _floats(np.hstack((centre - half, centre + half)))
        return Candidates(boxes[passed], scores[passed], class_ids[passed])


class DistributionDecoder:
    """PicoDet and NanoDet-Plus: each side lies at the expectation of a softmax over bins, in strides from the anchor.

    Generalized Focal Loss, Li et al. 2020, section 3.
    """

    def __init__(self, card: Card, head: DistributionHead) -> None:
        self._anchors, self._strides = cells(card, head.strides, head.centre)
        self._bins = head.bins
        self._classes = len(card.labels)
        self._joined = head.joined
        sides = 4 * head.bins
        counts = [rows * columns for rows, columns in (_grid(card, stride) for stride in head.strides)]
        self.shapes: tuple[Shape, ...] = ((len(self._anchors), self._classes + sides),)
        if not head.joined:
            self.shapes = (*((count, self._classes) for count in counts), *((count, sides) for count in counts))

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """See ``Decoder.read``."""
        if self._joined:
            scores, sides = outputs[0][:, : self._classes], outputs[0][:, self._classes :]
        else:
            half = len(outputs) // 2
            scores, sides = np.concatenate(outputs[:half]), np.concatenate(outputs[half:])
        class_ids, best = _best(_floats(scores))
        rows = np.flatnonzero(best >= min_score)
        reach = self._expectation(_floats(sides[rows])) * self._strides[rows, None]
        anchors = self._anchors[rows]
        boxes = np.hstack((anchors - reach[:, :2], anchors + reach[:, 2:]))
        return Candidates(boxes, best[rows], class_ids[rows])

    def _expectation(self, sides: Floats) -> Floats:
        """Turn (N, 4 * bins) into (N, 4): left, top, right, bottom in strides."""
        values = sides.reshape(-1, 4, self._bins)
        weights = np.exp(values - values.max(axis=2, keepdims=True))
        steps = np.arange(self._bins, dtype=np.float32)
        return np.asarray((weights @ steps) / weights.sum(axis=2))


class FastestDecoder:
    """FastestDet: score = objectness^0.6 * best class^0.4; centre by tanh in cells, size by sigmoid in inputs."""

    def __init__(self, card: Card, head: FastestHead) -> None:
        rows, columns = _grid(card, head.stride)
        places, _ = cells(card, (head.stride,), 0.0)
        self._cells = places / np.float32(head.stride)
        self._pitch_px = np.array([card.input.width / columns, card.input.height / rows], np.float32)
        self._size_px = np.array((head.trained or (card.input.height, card.input.width))[::-1], np.float32)
        self.shapes: tuple[Shape, ...] = ((5 + len(card.labels), rows, columns),)

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """See ``Decoder.read``."""
        answer = _floats(outputs[0].reshape(len(outputs[0]), -1).T)
        class_ids, best = _best(answer[:, 5:])
        scores = answer[:, 0] ** np.float32(0.6) * best ** np.float32(0.4)
        scores = np.nan_to_num(scores, nan=-1.0)  # the root of a negative number: below every limit, but seen
        rows = np.flatnonzero(scores >= min_score)
        raw = answer[rows, 1:5]
        centre = (self._cells[rows] + np.tanh(raw[:, :2])) * self._pitch_px
        half = self._size_px / (1 + np.exp(-raw[:, 2:])) / 2
        return Candidates(np.hstack((centre - half, centre + half)), scores[rows], class_ids[rows])


class DetrDecoder:
    """RF-DETR: score = sigmoid of a class's logit; a box may stand for several classes, as upstream counts them."""

    def __init__(self, card: Card, head: DetrHead) -> None:
        self._size_px = np.array([card.input.width, card.input.height] * 2, np.float32)
        self._columns = list(head.columns)
        self.shapes: tuple[Shape, ...] = ((None, 4), (None, head.width))

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """See ``Decoder.read``."""
        scores = _floats(1 / (1 + np.exp(-_floats(outputs[1][:, self._columns]))))
        rows, class_ids = np.nonzero(scores >= min_score)
        centre, size = np.split(_floats(outputs[0][rows]), 2, axis=1)
        boxes = _floats(np.hstack((centre - size / 2, centre + size / 2)))
        return Candidates(boxes * self._size_px, scores[rows, class_ids], class_ids)


class DecodedDecoder:
    """Boxes (K, 4), scores (K,) and classes (K,) come ready; rows that only fill up the table have a low score."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.shapes: tuple[Shape, ...] = ((None, 4), (None,), (None,))

    def read(self, outputs: tuple[Tensor, ...], min_score: float) -> Candidates:
        """See ``Decoder.read``.

        Raises:
            ModelError: the tables differ in length, or a class is none of the card's.
        """
        boxes, scores, classes = outputs
        if not len(boxes) == len(scores) == len(classes):
            counts = f"{len(boxes)} boxes, {len(scores)} scores and {len(classes)} classes"
            raise ModelError(self._card.id, f"gives {counts}; they must be as many")
        rows = np.flatnonzero(scores >= min_score)
        class_ids = classes[rows].astype(np.int64)
        if len(class_ids) and not 0 <= class_ids.min() <= class_ids.max() < len(self._card.labels):
            seen, known = f"{class_ids.min()} to {class_ids.max()}", len(self._card.labels)
            raise ModelError(self._card.id, f"names classes {seen}, but its card has {known} labels")
        return Candidates(_floats(boxes[rows]), _floats(scores[rows]), class_ids)


def read_frame(decoder: Decoder, outputs: tuple[Tensor, ...], min_score: float, fit: Fit) -> Detections:
    """Read one frame's outputs all the way to detections of the frame; see ``Decoder.read`` and ``place``.

    A network can answer anything, so overflow and NaN on the way are no surprise: ``place`` drops such rows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return place(decoder.read(outputs, min_score), fit)


def place(found: Candidates, fit: Fit) -> Detections:
    """Carry candidates from the input back to the frame: normalised, clipped, best first, without senseless rows.

    Dropped are rows with a value that is no finite number and boxes of which nothing lies within the frame.
    """
    boxes = found.boxes * np.array([fit.x_per_px, fit.y_per_px] * 2, np.float32)
    whole = np.isfinite(boxes).all(axis=1) & np.isfinite(found.scores)
    boxes = np.clip(boxes, 0, 1)
    whole &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    rows = np.flatnonzero(whole)
    rows = rows[np.argsort(-found.scores[rows], kind="stable")[:MOST]]
    return Detections(boxes[rows], np.minimum(found.scores[rows], 1), found.class_ids[rows])


def shape_fault(expected: tuple[Shape, ...], got: tuple[Shape, ...]) -> str | None:
    """Say how outputs differ from what a head gives, or None; both without the batch, None fits any length."""
    if len(expected) == len(got) and all(map(_same_shape, expected, got)):
        return None
    return f"answers with {_shown(got)}, not {_shown(expected)} (N = frames)"


def _same_shape(expected: Shape, got: Shape) -> bool:
    if len(expected) != len(got):
        return False
    return all(a is None or b is None or a == b for a, b in zip(expected, got, strict=True))


def _shown(shapes: tuple[Shape, ...]) -> str:
    each = ("[" + ", ".join(["N", *("any" if n is None else str(n) for n in shape)]) + "]" for shape in shapes)
    return " + ".join(each) or "nothing"


def _grid(card: Card, stride: int) -> tuple[int, int]:
    """Give rows and columns of the cells of one stride; a cell that the picture only half fills counts."""
    return ceil(card.input.height / stride), ceil(card.input.width / stride)


def cells(card: Card, strides: tuple[int, ...], centre: float) -> tuple[Floats, Floats]:
    """Give every cell's anchor (N, 2) as x y in px and its stride (N,), row by row, stride after stride."""
    anchors, pitches = [], []
    for stride in strides:
        rows, columns = _grid(card, stride)
        y, x = np.mgrid[:rows, :columns]
        anchors.append((np.stack((x.ravel(), y.ravel()), axis=1) + centre) * stride)
        pitches.append(np.full(rows * columns, stride))
    return np.concatenate(anchors).astype(np.float32), np.concatenate(pitches).astype(np.float32)


def _floats(values: Tensor) -> Floats:
    return values.astype(np.float32, copy=False)


def _best(scores: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Give each row's best class and its score."""
    class_ids = scores.argmax(axis=1)
    return class_ids, scores[np.arange(len(scores)), class_ids]
