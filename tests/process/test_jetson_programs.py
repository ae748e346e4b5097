"""``still``, ``check`` and ``watch`` on a camera of the backend ``jetson``; of NVIDIA's library stands the fake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from support.clips import make_clip
from support.commands import CAMERA, command, write_site
from support.jetson import PATH
from support.rtsp import RtspServer

ROOT = Path(__file__).resolve().parents[2]
RUNNING = """
import sys, threading
from dataclasses import replace
from pathlib import Path
from agent.__main__ import leave
from agent.clock import SystemClock
from agent.config import load
from agent.errors import AgentError
from agent.watch import process
try:
    leave(process.run(replace(load(Path(sys.argv[1])).watch, max_rebuilds=1), SystemClock(), threading.Event()))
except AgentError as error:
    print(error, file=sys.stderr)
    leave(error.exit_code)
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs find the fake."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PATH), str(ROOT)]))


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    clip = tmp_path / "camera.mp4"
    make_clip(clip, seconds=4, fps=10)
    with RtspServer(clip, once=getattr(request, "param", False)) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: RtspServer) -> Path:
    lines = f'url = "{server.url}"\nbackend = "jetson"\nread_timeout_s = 1.0'
    return write_site(tmp_path / "box", 1, camera=CAMERA.replace('url = "clip.mp4"', lines))


def test_still_shows_it_masked(fake: None, site: Path) -> None:
    picture = site.parent / "still.png"
    run = command("still", "gate", "-o", picture, "--config", site)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{picture}: 320x180, camera gate\n"
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    assert pixels[115:155, 235:280].max() == 0
    assert pixels[170, 160].max() > 50


@pytest.mark.long
def test_check_opens_it(fake: None, site: Path) -> None:
    told = json.loads(command("check", site, "--json").stdout)
    (camera,) = (check for check in told["checks"] if check["what"] == "camera gate")
    assert camera["state"] == "ok"
    assert "320x180" in camera["detail"]


def test_where_jetson_utils_is_not_that_is_told_and_nothing_else_tried(site: Path) -> None:
    run = command("still", "gate", "-o", "x.png", "--config", site)
    assert run.returncode == 3
    (line,) = run.stderr.splitlines()
    assert "backend 'jetson' cannot be used here: jetson_utils_python is not installed here; build" in line


@pytest.mark.parametrize("server", [True], indirect=True)
def test_watch_asks_for_a_fresh_process_when_its_streams_were_rebuilt_often(fake: None, site: Path) -> None:
    """The server closes the connection at the clip's end, so the stream is dead and must be set up anew."""
    assert command("migrate", site).returncode == 0
    line = [sys.executable, "-c", RUNNING, str(site)]
    run = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 8, run.stderr
    assert "starting afresh, nothing is lost by it: camera streams were set up anew 1 times" in run.stderr
    assert "rtsp" not in run.stdout
