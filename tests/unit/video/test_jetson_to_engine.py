"""From a stream to detections over all of NVIDIA's parts, faked: hardware scaling, masks, the engine's own input."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.describer import Describer
from support.stand import until

from agent.clock import SystemClock
from agent.core.frame import Frame
from agent.core.polygon import polygon
from agent.detect.detector import Detector
from agent.detect.engine import open_engine
from agent.detect.settings import DetectSettings
from agent.video.capture import CameraSet
from agent.video.jetson import JetsonOpener
from agent.video.settings import CameraSettings

nvidia = pytest.importorskip("support.nvidia", reason="this version has no TensorRT engine").nvidia
pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

PARTS = (
    *("support.bakery", "agent.detect.cardfile", "agent.detect.trt.builder"),
    *("agent.detect.trt.memory", "agent.detect.trt.session"),
)
WIDTH, HEIGHT = 96, 64
LEFT = polygon([(0, 0), (0.5, 0), (0.5, 1), (0, 1)])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[object]:
    with nvidia(tmp_path) as there:
        yield there
        assert there.faults() == []
        assert there.utils.bench.all_faults() == []


@pytest.fixture
def detectors(tmp_path: Path, world) -> Iterator[tuple[Detector, Detector]]:
    """The same model on the fake TensorRT, whose input the GPU fills, and on ONNX Runtime."""
    bakery, cards, builder, memory, session = map(importlib.import_module, PARTS)
    bakery.shop(tmp_path)
    bakery.baked(tmp_path)
    model, card = tmp_path / "street-baked.onnx", cards.read_card(tmp_path / "street-baked.toml")
    terms = builder.Terms(4, 64 << 20)
    plan = builder.build(world.trt, "street", model.read_bytes(), terms, b"", lambda _: None, lambda: False).content
    engine = session.Session(world.trt, "street", plan, memory.JetsonMemory(world.utils, "street"))
    settings = DetectSettings(min_score=0.0)
    ours = Detector(card, model, engine, settings)
    yield ours, Detector(card, model, open_engine("onnx", model, 1), settings)
    ours.close()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (2 * 56, 2 * WIDTH, 3)).astype(np.uint8)


def test_the_engine_sees_what_the_masks_leave_and_finds_what_the_software_path_finds(world, detectors) -> None:
    ours, theirs = detectors
    with Describer() as camera:
        script = world.utils.bench.script(camera.url, size=(2 * WIDTH, 2 * 56))
        script.on_start = lambda played: played.show(noise(0), 40_000_000)
        settings = CameraSettings(
            "gate", "Gate", "jetson", camera.url, fps=30, read_timeout_s=0.5, masks=(LEFT,), fit=(WIDTH, HEIGHT)
        )
        group = CameraSet([settings], {"jetson": JetsonOpener(gap_s=0)}, SystemClock(), lambda: 0.05)
        group.start()
        for seed in range(1, 6):
            frame = next_frame(group, script, seed)
            assert frame.pixels.shape == (56, WIDTH, 3)
            assert not frame.pixels[:, : WIDTH // 2].any()
            (found,), (expected,) = ours.detect([frame]), theirs.detect([replace(frame, image=None)])
            assert len(expected) > 0
            assert np.array_equal(found.boxes, expected.boxes)
            assert np.array_equal(found.scores, expected.scores)
            swapped = replace(frame, pixels=np.zeros_like(frame.pixels))  # it is the image that the engine is given
            assert np.array_equal(ours.detect([swapped])[0].boxes, expected.boxes)
        group.stop()


def next_frame(group: CameraSet, script, seed: int) -> Frame:
    number = 0

    def ask() -> list[Frame]:
        nonlocal number
        number += 1
        script.show(noise(seed), (seed * 1000 + number) * 40_000_000)
        return group.gather(0.05)

    (frame,) = until(ask, 5, "a frame")
    return frame
