"""Try the model and the cameras; nothing here waits longer than the cameras' own time-outs allow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.cli.checks import FAIL, OK, WARN, Check
from agent.cli.glance import glance
from agent.clock import monotonic_us
from agent.detect.chart import check_picture, golden_pictures
from agent.detect.detector import Detector, open_detector
from agent.detect.engine import PlanMissing, PlanRefused
from agent.detect.golden import golden_test
from agent.detect.settings import DetectSettings
from agent.errors import AgentError
from agent.rules.settings import RulebookSettings
from agent.site_checks import ADD_A_MODEL, DEMO_CARD, USE_THE_MODEL
from agent.site_values import choice
from agent.video.settings import CameraSettings

_SLACK_S = 5.0
_TURN_S = 5.0  # hardware streams are set up one after the other (video/turns.py), each within this
_DARK = 10.0
"""Mean brightness (0 to 255) below which a picture shows nothing."""


def check_detector(settings: DetectSettings, rulebooks: Sequence[RulebookSettings]) -> list[Check]:
    """Load the model, run it once on a drawn picture, and see that it knows the classes that the rules ask for."""
    place = f"model {settings.card}"
    try:
        detector = open_detector(settings)
    except (PlanMissing, PlanRefused) as error:
        return [Check(place, FAIL, str(error), "commune-agent model build, on this box")]
    except AgentError as error:
        return [Check(place, FAIL, str(error), "commune-agent model list --config CONFIG shows what there is")]
    try:
        began_us = monotonic_us()
        detector.self_test(check_picture())
        took_ms = (monotonic_us() - began_us) / 1000
    except AgentError as error:
        return [Check(place, FAIL, str(error), "add the model again: commune-agent model add")]
    finally:
        detector.close()
    ran = Check(place, OK, f"{detector.describe()}, {took_ms:.0f} ms a picture, sha256 {detector.model_hash}…")
    return [ran, *_golden(settings), *_unknown_labels(detector, rulebooks)]


def _golden(settings: DetectSettings) -> list[Check]:
    """On a GPU: see that the engine computes what ONNX Runtime computes from the same file."""
    if settings.engine == "onnx":
        return []
    place = f"model {settings.card} against ONNX Runtime"
    try:
        found = golden_test(settings, golden_pictures())
    except AgentError as error:
        return [Check(place, FAIL, str(error), "build it again: commune-agent model build --again")]
    far = f"{found.beyond} of {found.rows} boxes differ by more than rounding, {found.lost} by far"
    if not found.sound:
        return [Check(place, FAIL, far, "do not watch with it: model build --again, or bake with --precision fp32")]
    near = (
        f"{found.rows - found.beyond} of {found.rows} boxes within {found.box_px:.2f} px and {found.score:.3f} in score"
    )
    return [Check(place, OK, f"{near}; {far}")]


def check_card(settings: DetectSettings, cameras: Sequence[CameraSettings]) -> list[Check]:
    """See that the demo model stands before drawn scenes only."""
    real = [camera.id for camera in cameras if camera.backend != "rendered"]
    if settings.card != DEMO_CARD or not real:
        return []
    problem = f"knows drawn scenes only: nothing would be reported from {', '.join(real)}"
    remedy = f"{ADD_A_MODEL} (commune-agent model list says where to get FILE), then [detector] {USE_THE_MODEL}"
    return [Check(f"model {settings.card} on a real camera", FAIL, problem, remedy)]


def _unknown_labels(detector: Detector, rulebooks: Sequence[RulebookSettings]) -> list[Check]:
    checks = []
    for book in rulebooks:
        for rule in book.rules:
            unknown = sorted(rule.labels - set(detector.labels))
            place = f"rule {book.camera} {rule.rule}@{rule.zone}"
            if len(unknown) == len(rule.labels):
                remedy = f"labels: {choice(unknown[0], detector.labels)}"
                checks.append(Check(place, FAIL, f"the model knows none of {', '.join(unknown)}", remedy))
            elif unknown:
                checks.append(Check(place, WARN, f"the model does not know {', '.join(unknown)}", "the others count"))
    return checks


@dataclass
class _Try:
    """One camera's attempt, in a thread of its own: a driver that hangs must not hang the others."""

    camera: CameraSettings
    done: threading.Event = field(default_factory=threading.Event)
    check: Check | None = None

    def run(self) -> None:
        began_us = monotonic_us()
        try:
            pixels = glance(self.camera)
        except AgentError as error:
            problem = str(error).removeprefix(f"{self._place}: ")
            self.check = Check(self._place, FAIL, problem, f"mend cameras.{self.camera.id}, then check again")
        else:
            self.check = self._seen(pixels, (monotonic_us() - began_us) / 1e6)
        finally:
            self.done.set()

    def result(self, end_us: int) -> Check:
        """Wait until ``end_us`` (monotonic µs) at most."""
        self.done.wait(max(0.0, (end_us - monotonic_us()) / 1e6))
        hung = Check(self._place, FAIL, "its driver does not return", "restart the camera; is its address right?")
        return self.check or hung

    @property
    def _place(self) -> str:
        return f"camera {self.camera.id}"

    def _seen(self, pixels: NDArray[np.uint8], took_s: float) -> Check:
        height, width = pixels.shape[:2]
        detail = f"{width}x{height} after {took_s:.1f} s"
        if float(pixels.mean()) < _DARK:
            return Check(
                self._place, WARN, f"{detail}, but the picture is black", "is the lens covered, or a mask too big?"
            )
        return Check(self._place, OK, detail)


def check_cameras(cameras: Sequence[CameraSettings], told: Callable[[Check], None]) -> list[Check]:
    """Read one picture of every camera, all at once; ``told`` hears of each as it is known, in configured order."""
    tries = [_Try(camera) for camera in cameras]
    for attempt in tries:
        threading.Thread(target=attempt.run, daemon=True).start()
    longest_s = max((camera.open_timeout_s + camera.read_timeout_s for camera in cameras), default=0.0)
    queue_s = _TURN_S * sum(camera.backend == "jetson" for camera in cameras)
    end_us = monotonic_us() + round((longest_s + queue_s + _SLACK_S) * 1e6)
    checks = []
    for attempt in tries:
        check = attempt.result(end_us)
        told(check)
        checks.append(check)
    return checks
