"""See whether the detector carries the demo: the two actors who cause its incidents, and nothing else in the zones."""

from __future__ import annotations

import numpy as np
from net import Detector
from numpy.typing import NDArray
from pictures import HEIGHT, WIDTH, shrink
from score import Found, find

from agent.core.box import Box
from agent.core.polygon import contains
from agent.stage.render import Picture, Renderer
from agent.stage.scene import CLASSES
from agent.stage.script import load_scene

_SCENES = ("demo_road", "demo_yard")
_EVERY_S = 0.5
_SCORE, _IOU = 0.5, 0.6


def check_demo(model: Detector) -> dict[str, dict[str, float]]:
    """Measure each demo scene.

    Gives per scene ``seen``: share of moments of the expected stay in which the actor is found with score >= 0.5 and
    IoU >= 0.6; ``least_score``: the lowest score of it; ``false_in_zone``: share of moments of the whole scene with a
    box of score >= 0.4 whose foot lies in a zone and that matches no actor.
    """
    return {name: _check(model, name) for name in _SCENES}


def _check(model: Detector, name: str) -> dict[str, float]:
    scene = load_scene(name)
    renderer = Renderer(scene)
    expected = scene.expected[0]
    times = np.arange(0, scene.duration_s, _EVERY_S)
    pictures = [renderer.render(float(t_s)) for t_s in times]
    found = find(model, np.stack([shrink(picture.pixels) for picture in pictures]))
    polygon = scene.zone(expected.zone).polygon
    scores, false = [], 0
    for t_s, picture, one in zip(times, pictures, found, strict=True):
        boxes = [_box(row) for row in one.boxes]
        strays = [box for box, score in zip(boxes, one.scores, strict=True) if score >= 0.4 and _stray(box, picture)]
        false += any(contains(polygon, box.foot) for box in strays)
        if expected.begin_s <= t_s <= expected.end_s:
            scores.append(_score_of(expected.actor, picture, one, boxes))
    return {
        "seen": round(float(np.mean(np.array(scores) >= _SCORE)), 3),
        "least_score": round(min(scores), 3),
        "false_in_zone": round(false / len(times), 3),
    }


def _score_of(actor: str, picture: Picture, found: Found, boxes: list[Box]) -> float:
    """Best score of a box of the right class on the actor; 0 where there is none."""
    true = next((one for one in picture.boxes if one.actor == actor), None)
    if true is None:
        return 0.0
    kind = CLASSES.index(true.label)
    rows = zip(boxes, found.scores, found.kinds, strict=True)
    return max((float(score) for box, score, its in rows if its == kind and box.iou(true.box) >= _IOU), default=0.0)


def _stray(box: Box, picture: Picture) -> bool:
    return all(box.iou(true.box) < 0.3 for true in picture.boxes)


def _box(row: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(side) for side in row)
    return Box(x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT)
