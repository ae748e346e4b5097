"""Commands on a real RTSP camera: with its password, without, and with none there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.clips import make_clip
from support.commands import CAMERA, command, write_site
from support.rtsp import RtspServer

SECRET = "p@ss/w#rd:1"


@pytest.fixture
def camera(tmp_path: Path):
    make_clip(tmp_path / "stream.mp4", seconds=2)
    with RtspServer(tmp_path / "stream.mp4", password=f"viewer:{SECRET}") as server:
        yield server


def site_for(folder: Path, url: str, more: str = "") -> Path:
    return write_site(folder, 1883, camera=CAMERA.replace('url = "clip.mp4"', f'url = "{url}"\n{more}'))


def test_a_password_from_a_file_opens_the_camera_and_is_never_shown(tmp_path: Path, camera: RtspServer) -> None:
    (tmp_path / "gate.password").write_text(f"{SECRET}\n")
    (tmp_path / "gate.password").chmod(0o600)
    site = site_for(tmp_path, camera.url, 'user = "viewer"\npassword_file = "gate.password"')
    run = command("still", "gate", "-o", tmp_path / "s.jpg", "--config", site)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "s.jpg").stat().st_size > 1000
    (tmp_path / "gate.password").write_text("wrong-one\n")
    run = command("still", "gate", "-o", tmp_path / "s.jpg", "--config", site)
    assert run.returncode == 4
    assert "the camera refuses this user name and password" in run.stderr
    assert "wrong-one" not in run.stderr


def test_check_names_what_the_camera_wants(tmp_path: Path, camera: RtspServer, free_port: int) -> None:
    site = site_for(tmp_path, camera.url)
    site.write_text(
        site.read_text("utf-8")
        + CAMERA.replace('"gate"', '"yard"').replace("clip.mp4", f"rtsp://127.0.0.1:{free_port}/cam"),
        "utf-8",
    )
    run = command("check", site, "--json")
    assert run.returncode == 1
    found = {check["what"]: check["detail"] for check in json.loads(run.stdout)["checks"]}
    assert "the camera asks for a user name and password; none is configured" in found["camera gate"]
    assert f"127.0.0.1 refuses connections at port {free_port}" in found["camera yard"]
