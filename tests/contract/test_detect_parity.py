"""The three real detectors, held against reference detections and reference AP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.precision import average_precision, frame, scaled

from agent.core.box import Box
from agent.core.detections import Detections
from agent.detect.detector import Detector, open_detector
from agent.detect.settings import DetectSettings

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Case:
    card: str
    file: str
    reference: str


CASES = [
    Case("yolox-nano", "yolox_nano_416.onnx", "yolox_nano_416"),
    Case("picodet-s", "picodet_s_416_coco.onnx", "picodet_s_416"),
    Case("fastestdet", "FastestDet.onnx", "FastestDet"),
]


def opened(case: Case, real: Path, min_score: float) -> Detector:
    return open_detector(DetectSettings(card=case.card, model=real / "models" / case.file, min_score=min_score))


def matched(reference: list[float], found: Detections, boxes_px: np.ndarray) -> bool:
    class_id, score, *box = reference
    return any(
        found.class_ids[i] == class_id
        and abs(found.scores[i] - score) <= 0.01
        and Box(*boxes_px[i].tolist()).iou(Box(*box)) > 0.97
        for i in range(len(found))
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.card)
def test_detections_agree_with_the_reference(case: Case, real: Path) -> None:
    reference = json.loads((real / "expected" / f"{case.reference}.json").read_text())
    detector = opened(case, real, reference["conf"])
    assert detector.card.nms_iou == reference["nms_iou"]
    compared, faults = 0, []
    for name, rows in reference["detections"].items():
        shown = frame(real / name)
        (found,) = detector.find([shown])
        boxes_px = scaled(found, shown)
        sure = [row for row in rows if row[1] > 0.4]
        compared += len(sure)
        faults += [(name, row) for row in sure if not matched(row, found, boxes_px)]
        ours = int((found.scores > 0.41).sum())
        assert ours <= len([row for row in rows if row[1] > 0.4]), f"{name}: boxes the reference does not have"
    assert compared > 100
    assert faults == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.card)
def test_average_precision_agrees_with_the_reference(case: Case, real: Path) -> None:
    expected = json.loads((real / "expected" / "ap.json").read_text())[f"shared/coco_val_small/{case.reference}"]
    detector = opened(case, real, 0.01)
    ap, ap50 = average_precision(detector, real / "coco_val_small")
    assert ap == pytest.approx(expected["AP"], abs=0.005)
    assert ap50 == pytest.approx(expected["AP50"], abs=0.01)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.card)
def test_the_door_shows_every_object_once(case: Case, real: Path) -> None:
    """On real pictures too: no two classes of one group are left in one place, and nothing is invented."""
    detector = opened(case, real, 0.1)
    merged_away = 0
    for path in sorted((real / "traffic_images_train" / "images").iterdir()):
        shown = frame(path)
        (raw,), (merged,) = detector.find([shown]), detector.detect([shown])
        merged_away += len(raw) - len(merged)
        raw_rows = {(*box, score) for box, score in zip(map(tuple, raw.boxes.tolist()), raw.scores, strict=True)}
        assert all(
            (*box, s) in raw_rows for box, s in zip(map(tuple, merged.boxes.tolist()), merged.scores, strict=True)
        )
    assert merged_away > 0
