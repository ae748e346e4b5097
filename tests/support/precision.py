"""Average precision on the annotated pictures, as COCO counts it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from agent.clock import SimulatedClock
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.detect.detector import Detector


def frame(path: Path) -> Frame:
    """Read a picture as a camera's frame."""
    pixels = cv2.imread(str(path))
    assert pixels is not None, path
    return Frame("test", 0, SimulatedClock().now(), pixels)


def scaled(found: Detections, shown: Frame) -> np.ndarray:
    """Give boxes in px of the picture."""
    return found.boxes * np.array([shown.width, shown.height] * 2)


def average_precision(detector: Detector, folder: Path, at_once: int = 1) -> tuple[float, float]:
    """Give AP and AP at IoU 0.5 of what the model itself finds; ``at_once`` pictures go in together."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "annotations.json"))
        categories = {category["name"]: category["id"] for category in truth.loadCats(truth.getCatIds())}
        images = list(truth.imgs.items())
        rows = []
        for start in range(0, len(images), at_once):
            part = images[start : start + at_once]
            frames = [frame(folder / "images" / image["file_name"]) for _, image in part]
            for (image_id, _), shown, found in zip(part, frames, detector.find(frames), strict=True):
                for box, score, class_id in zip(scaled(found, shown), found.scores, found.class_ids, strict=True):
                    category = categories[detector.labels[class_id]]
                    x1, y1, x2, y2 = box.tolist()
                    row = {"image_id": image_id, "category_id": category, "score": float(score)}
                    rows.append(row | {"bbox": [x1, y1, x2 - x1, y2 - y1]})
        judge = COCOeval(truth, truth.loadRes(rows), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])
