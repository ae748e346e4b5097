"""What comes after a network: its raw answer becomes boxes, in float32, and only the best rows are worked out.

The formulas are those of ``decode.py``; a test holds the two against each other on real pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.detect.baking.lens import Lens
from agent.detect.baking.library import ModelProto, TensorProto, ValueInfoProto
from agent.detect.baking.sketch import Sketch
from agent.detect.card import Card, DetrHead, DistributionHead, FastestHead, YoloxHead
from agent.detect.decode import cells
from agent.errors import ModelError

BOXES, SCORES, CLASSES = "boxes", "scores", "classes"

_MOST_LOG = 11.0
"""exp(11) strides are more than any picture has; only rows of no score lie beyond, and must not become infinite."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best rows of an answer.

    Attributes:
        rows: (N, K) int64, their places among the cells.
        scores: (N, K).
        classes: (N, K) int32.
        count: K.
    """

    rows: str
    scores: str
    classes: str
    count: int


def tail(card: Card, answers: Sequence[ValueInfoProto], fit: Lens, keep: int, sketch: Sketch) -> ModelProto:
    """Write the piece: the network's outputs in, boxes (N, K, 4), scores (N, K) and classes (N, K) out, best first.

    Args:
        card: with the wanted size of the input.
        answers: the network's outputs in the head's order.
        fit: boxes are given in px of the baked input.
        keep: K at most; there are never more than cells.
        sketch: an empty one, of the network's opset.
    """
    floats = [sketch.cast(sketch.same_input(each), TensorProto.FLOAT) for each in answers]
    first = answers[0].type.tensor_type.shape.dim[0]
    batch = first.dim_param or first.dim_value
    head = card.head
    if isinstance(head, YoloxHead):
        boxes, best = _yolox(card, head, floats[0], keep, sketch)
    elif isinstance(head, DistributionHead):
        boxes, best = _distribution(card, head, floats, keep, sketch)
    elif isinstance(head, FastestHead):
        boxes, best = _fastest(card, head, floats[0], keep, sketch)
    elif isinstance(head, DetrHead):
        queries = answers[0].type.tensor_type.shape.dim[1].dim_value
        boxes, best = _detr(card, head, floats, queries, keep, sketch)
    else:
        raise ModelError(f"card {card.id}", "is of a model that decodes its own boxes; there is nothing to bake")
    if (fit.x_scale, fit.y_scale) != (1, 1):
        boxes = sketch.node("Mul", boxes, sketch.number(*[fit.x_scale, fit.y_scale] * 2))
    sketch.output(boxes, BOXES, TensorProto.FLOAT, (batch, best.count, 4))
    sketch.output(best.scores, SCORES, TensorProto.FLOAT, (batch, best.count))
    sketch.output(best.classes, CLASSES, TensorProto.INT32, (batch, best.count))
    return sketch.done("tail")


def _yolox(card: Card, head: YoloxHead, rows: str, keep: int, sketch: Sketch) -> tuple[str, Best]:
    objectness, kinds = sketch.slice(rows, 2, 4, 5), sketch.slice(rows, 2, 5, 5 + len(card.labels))
    places, strides = cells(card, head.strides, 0.0)
    gate = sketch.node("Reshape", objectness, sketch.whole(0, len(places)))
    best = _best(kinds, lambda tops: sketch.node("Mul", gate, tops), len(places), keep, sketch)
    taken = _rows(sketch.slice(rows, 2, 0, 4), 4, best, sketch)
    cell, stride = _constants(places, best, sketch), _constants(strides[:, None], best, sketch)
    centre = sketch.node("Add", sketch.node("Mul", sketch.slice(taken, 2, 0, 2), stride), cell)
    log = sketch.node("Min", sketch.slice(taken, 2, 2, 4), sketch.number(_MOST_LOG))
    half = sketch.node("Mul", sketch.node("Mul", sketch.node("Exp", log), stride), sketch.number(0.5))
    return _corners(centre, half, half, sketch), best


def _distribution(
    card: Card, head: DistributionHead, answers: list[str], keep: int, sketch: Sketch
) -> tuple[str, Best]:
    classes, width = len(card.labels), 4 * head.bins
    if head.joined:
        kinds = sketch.slice(answers[0], 2, 0, classes)
        sides = sketch.slice(answers[0], 2, classes, classes + width)
    else:
        half = len(answers) // 2
        kinds = sketch.node("Concat", *answers[:half], axis=1)
        sides = sketch.node("Concat", *answers[half:], axis=1)
    anchors, strides = cells(card, head.strides, head.centre)
    best = _best(kinds, lambda tops: tops, len(anchors), keep, sketch)
    bins = sketch.node("Reshape", _rows(sides, width, best, sketch), sketch.whole(0, 4 * best.count, head.bins))
    steps = sketch.weight(np.arange(head.bins, dtype=np.float32).reshape(-1, 1))
    expected = sketch.node("MatMul", sketch.node("Softmax", bins, axis=2), steps)
    sides = sketch.node("Reshape", expected, sketch.whole(0, best.count, 4))
    reach = sketch.node("Mul", sides, _constants(strides[:, None], best, sketch))
    anchor = _constants(anchors, best, sketch)
    return _corners(anchor, sketch.slice(reach, 2, 0, 2), sketch.slice(reach, 2, 2, 4), sketch), best


def _fastest(card: Card, head: FastestHead, answer: str, keep: int, sketch: Sketch) -> tuple[str, Best]:
    places, _ = cells(card, (head.stride,), 0.0)
    channels, spec = 5 + len(card.labels), card.input
    pitch_px = np.array([spec.width, spec.height], np.float32) / (places.max(axis=0) / head.stride + 1)
    size_px = np.array((head.trained or (spec.height, spec.width))[::-1], np.float32)
    flat = sketch.node("Reshape", answer, sketch.whole(0, channels, len(places)))
    rows = sketch.node("Transpose", flat, perm=[0, 2, 1])
    gate = sketch.node("Reshape", sketch.slice(rows, 2, 0, 1), sketch.whole(0, len(places)))

    def score(tops: str) -> str:
        return sketch.node("Mul", _power(gate, 0.6, sketch), _power(tops, 0.4, sketch))

    best = _best(sketch.slice(rows, 2, 5, channels), score, len(places), keep, sketch)
    raw = _rows(sketch.slice(rows, 2, 1, 5), 4, best, sketch)
    cell = _constants(places / np.float32(head.stride), best, sketch)
    shift = sketch.node("Add", cell, sketch.node("Tanh", sketch.slice(raw, 2, 0, 2)))
    centre = sketch.node("Mul", shift, sketch.weight(pitch_px))
    half = sketch.node("Mul", sketch.node("Sigmoid", sketch.slice(raw, 2, 2, 4)), sketch.weight(size_px / 2))
    return _corners(centre, half, half, sketch), best


def _detr(card: Card, head: DetrHead, answers: list[str], queries: int, keep: int, sketch: Sketch) -> tuple[str, Best]:
    """Each query may count for several classes: the best pairs of the two are taken."""
    classes = len(card.labels)
    logits = sketch.node("Gather", answers[1], sketch.whole(*head.columns), axis=2)
    pairs = sketch.node("Reshape", sketch.node("Sigmoid", logits), sketch.whole(0, queries * classes))
    count = min(keep, queries * classes)
    scores, places = sketch.nodes("TopK", 2, pairs, sketch.whole(count), axis=1)
    rows = sketch.node("Div", places, sketch.whole(classes))
    kinds = sketch.node("Sub", places, sketch.node("Mul", rows, sketch.whole(classes)))
    best = Best(rows, scores, sketch.cast(kinds, TensorProto.INT32), count)
    size_px = sketch.number(*[card.input.width, card.input.height] * 2)
    taken = sketch.node("Mul", _rows(answers[0], 4, best, sketch), size_px)
    half = sketch.node("Mul", sketch.slice(taken, 2, 2, 4), sketch.number(0.5))
    return _corners(sketch.slice(taken, 2, 0, 2), half, half, sketch), best


def _best(kinds: str, score: Callable[[str], str], cells: int, keep: int, sketch: Sketch) -> Best:
    """Choose each cell's best class, then the best cells.

    Args:
        kinds: (N, cells, classes), what the network says of each class.
        score: turns that of the best class, (N, cells), into the cell's score; greater stays greater.
        cells: how many there are.
        keep: how many are wanted.
        sketch: to draw on.
    """
    count = min(keep, cells)
    classes = sketch.node("ArgMax", kinds, axis=2, keepdims=0)
    scores, rows = sketch.nodes("TopK", 2, score(sketch.most(kinds, 2)), sketch.whole(count), axis=1)
    taken = sketch.cast(sketch.node("GatherElements", classes, rows, axis=1), TensorProto.INT32)
    return Best(rows, scores, taken, count)


def _power(values: str, power: float, sketch: Sketch) -> str:
    """Raise to a power; a negative number has no root, and counts as nought."""
    return sketch.node("Pow", sketch.node("Max", values, sketch.number(0.0)), sketch.number(power))


def _rows(tensor: str, width: int, best: Best, sketch: Sketch) -> str:
    """Take the best rows of (N, cells, width): (N, K, width)."""
    column = sketch.node("Reshape", best.rows, sketch.whole(0, best.count, 1))
    places = sketch.node("Tile", column, sketch.whole(1, 1, width))
    return sketch.node("GatherElements", tensor, places, axis=1)


def _constants(table: np.ndarray, best: Best, sketch: Sketch) -> str:
    """Take the best rows of a fixed (cells, width): (N, K, width)."""
    return sketch.node("Gather", sketch.weight(table.astype(np.float32)), best.rows, axis=0)


def _corners(centre: str, before: str, after: str, sketch: Sketch) -> str:
    return sketch.node("Concat", sketch.node("Sub", centre, before), sketch.node("Add", centre, after), axis=2)
