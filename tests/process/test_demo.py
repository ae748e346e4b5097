"""The demo judges itself by the street's own truth, and can say no."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.onnx_shuffle import shuffle_weights

pytestmark = pytest.mark.broker

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 40
"""Long enough for one stop (due at 27 s) and one intrusion (21.5 s) to arrive."""


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    words = ["demo", "--seconds", str(SECONDS), "--dir", str(folder), *options]
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def outcome(demo: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = demo.communicate(timeout=SECONDS + 120)
    return demo.returncode, said


def test_the_demo_passes_and_shows_each_alert_in_one_line(tmp_path: Path, mosquitto: None) -> None:
    code, said = outcome(start(tmp_path / "demo"))
    assert code == 0, said
    assert said.strip().splitlines()[-1].startswith("demo: VERDICT: passed")
    alerts = [line for line in said.splitlines() if line.startswith("HQ") and "Nghi vấn" in line]
    assert any("dừng xe" in line for line in alerts)
    assert any("xâm nhập" in line for line in alerts)
    told = [line for line in said.splitlines() if line.startswith("box  ")]
    assert {"box  camera road is watched", "box  camera yard is watched"} <= set(told)
    (followed,) = [line for line in told if "suspected stopped_vehicle" in line]
    assert said.index(followed) < said.index(next(line for line in alerts if "dừng xe" in line))
    assert list((tmp_path / "demo/hq/thumbs").rglob("*.webp"))


def test_an_empty_street_and_an_ignorant_model_are_told_apart_from_the_real_thing(
    tmp_path: Path, mosquitto: None
) -> None:
    ignorant = shuffle_weights(ROOT / "models/demo.onnx", tmp_path / "ignorant.onnx")
    demos = {
        "empty street": start(tmp_path / "empty", "--road", "empty_street", "--yard", "empty_street"),
        "random weights": start(tmp_path / "ignorant", "--model", str(ignorant)),
    }
    for name, demo in demos.items():
        code, said = outcome(demo)
        assert code == 1, f"{name}: exit code {code}\n{said}"
        assert "VERDICT: failed; no true intrusion and no true stopped_vehicle at HQ" in said, name


def test_a_folder_with_other_peoples_files_is_not_emptied(tmp_path: Path, mosquitto: None) -> None:
    kept = tmp_path / "holiday.jpg"
    kept.write_bytes(b"picture")
    code, said = outcome(start(tmp_path))
    assert code == 2
    assert "holds what no demo wrote; name an empty or a new folder" in said
    assert kept.read_bytes() == b"picture"


def test_an_interrupted_demo_of_given_length_fails_its_verdict(tmp_path: Path, mosquitto: None) -> None:
    demo = start(tmp_path / "demo")
    assert demo.stdout is not None
    assert "setting up" in demo.stdout.readline()
    demo.send_signal(signal.SIGINT)
    code, said = outcome(demo)
    assert code == 1
    assert said.strip().splitlines()[-1].startswith("demo: VERDICT: failed")
