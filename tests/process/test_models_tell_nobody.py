"""What runs a model keeps to itself: ONNX Runtime's own builds report to its maker, unless told otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.cards import CARD
from support.onnx_maker import grid_model

QUIET = {"ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME", "CI", "TF_BUILD", "GITHUB_ACTIONS"}
"""What in an environment may keep it from reporting, or hide where it puts the id that it makes for that."""


def test_trying_a_model_leaves_no_id_for_its_engines_maker(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "street.toml").write_text(CARD.format(pin=""), "utf-8")
    file = grid_model(tmp_path / "mine.onnx", (64, 64), 7, (8,))
    environment = {name: value for name, value in os.environ.items() if name not in QUIET}
    line = [
        sys.executable,
        "-m",
        "agent",
        "model",
        "add",
        file,
        "--card",
        "street",
        "--models-dir",
        tmp_path / "models",
    ]
    done = subprocess.run(
        line, env=environment | {"HOME": str(tmp_path / "home")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "home").iterdir()) == []
