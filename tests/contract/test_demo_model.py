"""The shipped demo model is what its card says, and carries the demo."""

from pathlib import Path

import numpy as np
import pytest
from support.onnx_shuffle import shuffle_weights

from agent.clock import SimulatedClock
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.detect.catalogue import find_card
from agent.detect.detector import Detector, open_detector
from agent.detect.modelfile import sha256_of
from agent.detect.settings import DetectSettings
from agent.stage.render import Renderer
from agent.stage.scene import CLASSES
from agent.stage.script import load_scene

MODEL = Path(__file__).parents[2] / "models/demo.onnx"
MOST_BYTES = 3_000_000
SCORE, IOU, SHARE = 0.5, 0.6, 0.95


@pytest.fixture(scope="module")
def detector() -> Detector:
    return open_detector(DetectSettings(card="demo"))


def seen(detector: Detector, renderer: Renderer, t_s: float) -> Detections:
    pixels = renderer.render(t_s).pixels
    return detector.detect([Frame("gate", 1, SimulatedClock().now(), pixels)])[0]


def share_found(detector: Detector, scene_name: str, moments: int) -> float:
    """Share of moments of the expected stay at which its actor is found with its class."""
    renderer = Renderer(load_scene(scene_name))
    (expected,) = renderer.scene.expected
    found = []
    for t_s in map(float, np.linspace(expected.begin_s, expected.end_s, moments)):
        true = next(box for box in renderer.boxes(t_s) if box.actor == expected.actor)
        rows = seen(detector, renderer, t_s)
        found.append(
            any(
                score >= SCORE and detector.labels[kind] == true.label and Box(*map(float, box)).iou(true.box) >= IOU
                for box, score, kind in zip(rows.boxes, rows.scores, rows.class_ids, strict=True)
            )
        )
    return float(np.mean(found))


def test_the_file_is_small_and_the_one_that_the_card_names() -> None:
    assert MODEL.stat().st_size <= MOST_BYTES
    assert sha256_of(MODEL) == find_card("demo").sha256


def test_the_card_knows_the_classes_that_stage_draws() -> None:
    assert tuple(find_card("demo").labels) == CLASSES


@pytest.mark.parametrize("scene_name", ["demo_road", "demo_yard"])
def test_who_causes_the_demos_incident_is_found_all_the_time(detector: Detector, scene_name: str) -> None:
    assert share_found(detector, scene_name, 20) >= SHARE


def test_the_same_network_with_shuffled_weights_finds_nobody(tmp_path: Path) -> None:
    """Shows that the promise above is kept by what the model has learnt, not by how it is read."""
    ignorant = shuffle_weights(MODEL, tmp_path / "shuffled.onnx")
    detector = open_detector(DetectSettings(card="demo", model=ignorant))
    assert share_found(detector, "demo_road", 4) == 0


def test_an_empty_street_is_empty(detector: Detector) -> None:
    renderer = Renderer(load_scene("empty_street"))
    for t_s in range(10):
        assert seen(detector, renderer, float(t_s)).scores.max(initial=0) < SCORE
