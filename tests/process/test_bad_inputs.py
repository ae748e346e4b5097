"""The table of bad inputs as people meet them: an exit code, and one line that names place, value and remedy.

What a broker can do wrong is in ``test_broker_problems.py`` and what HQ is sent in ``test_hq_bad_messages.py``; every
mistake that site.toml can hold is in ``tests/unit/config/test_config_faults.py``; a full disk in ``tests/faults``.
"""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cards import CARD
from support.clips import make_clip
from support.commands import CAMERA, command, one_line, write_site
from support.onnx_maker import grid_model
from support.rtsp import RtspServer
from support.stand import Program, until

from agent.runtime import CameraStatus, read_watch

# --- site.toml ----------------------------------------------------------------------------------------------------

URL = 'url = "rtsp://192.168.1.64:554/Streaming/Channels/102"'
POLYGON = "polygon = [[0.1, 0.6], [0.45, 0.55], [0.5, 0.75], [0.12, 0.85]]"
CROSSED = "polygon = [[0.1, 0.6], [0.5, 0.75], [0.45, 0.55], [0.12, 0.85]]"

SITES = {
    "a misspelt key": (URL, URL.replace("url", "ulr"), "cameras.gate.ulr", "unknown key", "did you mean url?"),
    "text for a number": ("# fps = 5.0", 'fps = "five"', "cameras.gate.fps", '"five"', "write for example fps = 5.0"),
    "a zone that is not there": (
        'zone = "kerb"', 'zone = "curb"', "rules.stopped_vehicle@curb.zone", '"curb"', "use one of: kerb"),
    "an outline that crosses itself": (POLYGON, CROSSED, "zones.kerb.polygon", "0.45", "commune-agent still CAMERA"),
    "a password in the address": (
        URL, URL.replace("//", "//admin:s3cret@"), "cameras.gate.url", "password", "password_file"),
    "an open broker far away": (
        'host = "127.0.0.1"', 'host = "198.51.100.4"', "uplink.host", '"198.51.100.4"', "insecure = true"),
    "a page for everybody": (
        '# host = "127.0.0.1"', 'host = "0.0.0.0"', "page.host", '"0.0.0.0"', "commune-agent password"),
    "a backend that is not here": (
        '# backend = "opencv"', 'backend = "opencvv"', "cameras.gate.backend", '"opencvv"', "did you mean opencv?"),
    "an id without quotes": ('id = "gate-01"', "id = gate-01", "is no TOML", "Invalid value", '"double quotes"'),
    "a secret that is not there": (
        '# user = "viewer"\n', 'user = "v"\npassword_file = "secrets/gate"\n',
        "cameras.gate.password_file", '"secrets/gate"', "chmod 600"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_a_site_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    old, new, *words = SITES[name]
    command("init", folder=tmp_path)
    path = tmp_path / "site.toml"
    text = path.read_text("utf-8")
    assert f"\n{old}" in text
    path.write_text(text.replace(f"\n{old}", f"\n{new}", 1), "utf-8")
    line = path.read_text("utf-8").split(new)[0].count("\n") + new.strip().count("\n") + 1
    run = command("run", "site.toml", folder=tmp_path)
    one_line(run, 2, f"site.toml:{line}: ", *words)
    assert "s3cret" not in run.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["secrets", "site.toml"]


# --- models -------------------------------------------------------------------------------------------------------


def _whole(folder: Path) -> Path:
    return grid_model(folder / "street.onnx", (64, 64), 7, (8,))


def _cut_short(folder: Path) -> Path:
    path = _whole(folder)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def _web_page(folder: Path) -> Path:
    (folder / "street.onnx").write_text("<!DOCTYPE html><html><body>Not Found</body></html>")
    return folder / "street.onnx"


def _empty(folder: Path) -> Path:
    (folder / "street.onnx").touch()
    return folder / "street.onnx"


def _other_shape(folder: Path) -> Path:
    return grid_model(folder / "street.onnx", (64, 64), 85, (8,))


MODELS = {
    "cut short": (_cut_short, "street", "street.onnx", "cannot load it", "fetch it again"),
    "a web page": (_web_page, "street", "street.onnx", "is a web page", "fetch the raw file"),
    "empty": (_empty, "street", "street.onnx", "is empty", "fetch it again"),
    "not there": (lambda folder: folder / "gone.onnx", "street", "gone.onnx", "no such file", "check the path"),
    "a folder": (lambda folder: folder, "street", "is a folder", "name the .onnx file"),
    "another card's": (_other_shape, "street", "street.onnx", "[N, 64, 85]", "[N, 64, 7]", "card"),
    "of no known card": (_whole, "stret", "card 'stret'", "is not known", "did you mean 'street'?"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    make, card, *words = MODELS[name]
    models = tmp_path / "models"
    models.mkdir()
    (models / "street.toml").write_text(CARD.format(pin=""), "utf-8")
    run = command("model", "add", make(tmp_path), "--card", card, "--models-dir", models)
    one_line(run, 5, *words)
    assert [path.name for path in models.iterdir()] == ["street.toml"]


def test_a_model_that_the_disk_has_damaged_starts_no_box_and_is_listed_as_damaged(tmp_path: Path) -> None:
    site = write_site(tmp_path, 1883)
    models = tmp_path / "state/models"
    models.mkdir(parents=True)
    (models / "street.toml").write_text(CARD.format(pin=""), "utf-8")
    run = command("model", "add", _whole(tmp_path), "--card", "street", "--config", site)
    assert run.returncode == 0, run.stderr
    model = models / "street.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    text = site.read_text("utf-8")
    site.write_text(text[: text.index('card = "yolox-nano"')] + 'card = "street"\n' + CAMERA, "utf-8")
    assert command("migrate", site).returncode == 0
    one_line(command("watch", site), 5, str(model), "has changed on the disk", "commune-agent model add FILE")
    rows = command("model", "list", "--config", site).stdout.splitlines()
    number = next(number for number, row in enumerate(rows) if row.startswith("street "))
    assert rows[number].startswith("street             damaged ")
    assert "has changed on the disk" in rows[number + 1]
    assert rows[number + 1].endswith(f"commune-agent model add FILE --card street --config {site}")


# --- streams ------------------------------------------------------------------------------------------------------


class _Web(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


STREAMS = {
    "deaf": ("refuses connections at port", "is the camera's RTSP service on"),
    "lost": ("no stream at this path (404)", "look up the path"),
    "locked": ("asks for a user name and password", "none is configured"),
    "web": ("does not speak RTSP", "is the port right?"),
    "text": ("is not a video, or one that is damaged", "notes.mp4"),
    "absent": ("there is no such file", "absent.mp4"),
    "unplugged": ("there is no such device", "is the camera plugged in?"),
}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site with one good camera, ``gate``, and one of each bad kind."""
    folder = tmp_path_factory.mktemp("street")
    make_clip(folder / "clip.mp4", seconds=2)
    (folder / "notes.mp4").write_text("this is no video\n" * 100)
    with (
        socket.socket() as deaf,
        RtspServer(folder / "clip.mp4") as camera,
        RtspServer(folder / "clip.mp4", password="viewer:secret") as locked,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web) as web,
    ):
        deaf.bind(("127.0.0.1", 0))  # and listens to nobody
        threading.Thread(target=web.serve_forever, daemon=True).start()
        urls = {
            "deaf": f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/cam",
            "lost": camera.url.replace("/cam", "/main"),
            "locked": locked.url,
            "web": f"rtsp://127.0.0.1:{web.server_address[1]}/cam",
            "text": "notes.mp4",
            "absent": "absent.mp4",
            "unplugged": "/dev/video97",
        }
        bad = [f'\n[[camera]]\nid = "{name}"\nname = "{name}"\nurl = "{url}"\n' for name, url in urls.items()]
        good = CAMERA.replace('"clip.mp4"', '"clip.mp4"\nloop = true')
        yield write_site(folder, 1883, camera="".join([good, *bad]))
        web.shutdown()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_cannot_be_opened(street: Path, name: str) -> None:
    run = command("still", name, "-o", street.parent / "still.jpg", "--config", street)
    one_line(run, 4, f"camera {name}: ", *STREAMS[name])
    assert not (street.parent / "still.jpg").exists()


def test_none_of_them_keeps_the_box_from_watching_the_good_one(street: Path) -> None:
    assert command("migrate", street).returncode == 0
    watch = Program(street.parent, "watch", "agent", "watch", str(street))

    def turned(camera: str, state: str) -> Callable[[], CameraStatus | None]:
        def ask() -> CameraStatus | None:
            status = read_watch(street.parent / "runtime")
            cameras = status.cameras if status else ()
            return next((one for one in cameras if (one.id, one.state) == (camera, state)), None)

        return ask

    try:
        for name, words in STREAMS.items():
            reason = until(turned(name, "lost"), 30, f"camera {name} to be told").reason
            assert [word for word in words if word not in reason] == []
        until(lambda: (good := turned("gate", "running")()) and good.fps > 0, 30, "the good camera to be judged")
        assert watch.child.poll() is None
        assert "Traceback" not in watch.text()
        assert watch.stop() == 0
    finally:
        if watch.child.poll() is None:
            watch.kill()
    store = json.loads(command("events", street, "list", "--stream", "w", "--json").stdout)
    assert [event["kind"] for event in store][-1] == "agent.start"
