"""Commands as people run them, and a site.toml to run them on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from support.clips import make_clip
from support.onnx_maker import constant_model
from support.stand import head

CAMERA = """
[[camera]]
id = "gate"
name = "Cổng"
url = "clip.mp4"

[[camera.zone]]
id = "kerb"
name = "Lề đường"
polygon = [[0.2, 0.6], [0.6, 0.6], [0.6, 0.9], [0.2, 0.9]]

[[camera.mask]]
polygon = [[0.7, 0.6], [0.9, 0.6], [0.9, 0.9], [0.7, 0.9]]

[[camera.rule]]
rule = "stopped_vehicle"
zone = "kerb"
"""


def command(*words: str | Path, given: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``commune-agent`` to its end."""
    line = [sys.executable, "-m", "agent", *map(str, words)]
    return subprocess.run(line, input=given, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


def write_site(folder: Path, broker_port: int, page_port: int = 0, camera: str = CAMERA) -> Path:
    """Lay a site with a clip of its own, and a model that fits the card yolox-nano and never finds anything."""
    folder.mkdir(parents=True, exist_ok=True)
    make_clip(folder / "clip.mp4", seconds=1)
    picture, nothing = ("images", (1, 3, 416, 416), "float32"), np.zeros((1, 3549, 85), np.float32)
    model = constant_model(folder / "blind.onnx", picture, {"output": nothing})
    path = folder / "site.toml"
    path.write_text(head(broker_port, page_port, "yolox-nano", model) + camera, "utf-8")
    return path


def one_line(run: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Hold that a command ended with ``code`` and one line on stderr, its own, that has all these words."""
    assert run.returncode == code, run.stdout + run.stderr
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("commune-agent: ")
    assert [word for word in words if word not in line] == [], line
