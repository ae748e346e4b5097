"""A watch that wants a fresh process: who tells a camera its size, and what the supervisor makes of exit code 8."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.clock import monotonic_us
from agent.errors import WornOut
from agent.supervisor import Supervisor
from agent.video.settings import CameraSettings
from agent.watch.process import sized

DETECTOR = SimpleNamespace(card=SimpleNamespace(input=SimpleNamespace(width=640, height=384)))


@pytest.mark.parametrize(
    ("backend", "scale", "fit"),
    [("jetson", "detector", (640, 384)), ("jetson", "full", None), ("opencv", "detector", None)],
)
def test_only_hardware_is_told_what_the_model_looks_at(backend: str, scale: str, fit: tuple[int, int] | None) -> None:
    camera = CameraSettings("gate", "Gate", backend, "rtsp://10.0.0.9/cam", scale=scale)
    assert sized(camera, DETECTOR).fit == fit  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "settled", "falls"), [(WornOut.exit_code, True, 0), (WornOut.exit_code, False, 1), (70, True, 1)]
)
def test_a_worn_program_that_had_settled_starts_at_once(code: int, settled: bool, falls: int) -> None:
    supervisor = Supervisor(Path("site.toml"), ["watch"], io.StringIO())
    (child,) = supervisor._children
    child.process = subprocess.Popen(["sh", "-c", f"exit {code}"])
    child.process.wait()
    child.since_us = monotonic_us() - (120_000_000 if settled else 0)
    assert supervisor._tend() == 0
    assert (child.process, child.ended, child.falls) == (None, False, falls)
    assert (child.due_us <= monotonic_us()) == (falls == 0)
