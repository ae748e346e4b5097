"""``check`` against a real clip, a real model and a real broker: good, and with one thing broken at a time."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import CAMERA, command, write_site
from support.stand import Program, until

from agent.cli.page_probe import running_page

pytestmark = pytest.mark.broker


def checks(site: Path) -> tuple[int, dict[str, dict[str, str]]]:
    run = command("check", site, "--json")
    assert run.stderr == "" or "pins" in run.stderr, run.stderr
    told = json.loads(run.stdout)
    assert told["ok"] == (run.returncode == 0)
    return run.returncode, {check["what"]: check for check in told["checks"]}


def failed(found: dict[str, dict[str, str]]) -> list[str]:
    return [what for what, check in found.items() if check["state"] == "fail"]


def test_a_good_site_passes_in_a_table(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path, broker.port)
    run = command("check", site)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "320x180" in run.stdout
    assert "all is well" in run.stdout
    code, found = checks(site)
    assert (code, failed(found)) == (0, [])
    assert found["broker"]["detail"] == f"127.0.0.1:{broker.port}, MQTT 5 without TLS"
    assert not (tmp_path / "state").exists()  # trying changes nothing


def test_what_is_broken_is_told_all_at_once_with_what_to_do(tmp_path: Path, free_port: int) -> None:
    site = write_site(tmp_path, free_port)
    site.write_text(
        site.read_text("utf-8") + CAMERA.replace('"gate"', '"yard"').replace("clip.mp4", "gone.mp4"), "utf-8"
    )
    (tmp_path / "blind.onnx").unlink()
    code, found = checks(site)
    assert code == 1
    assert sorted(failed(found)) == ["broker", "camera yard", "model yolox-nano"]
    assert "gone.mp4" in found["camera yard"]["detail"]
    assert "blind.onnx" in found["model yolox-nano"]["detail"]
    assert f"refuses connections at port {free_port}" in found["broker"]["detail"]
    assert all(found[what]["remedy"] for what in failed(found))


def test_a_label_the_model_never_says_is_told(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path, broker.port)
    site.write_text(site.read_text("utf-8") + 'labels = ["motorbike"]\n', "utf-8")
    _, found = checks(site)
    assert failed(found) == ["rule gate stopped_vehicle@kerb"]
    assert found["rule gate stopped_vehicle@kerb"]["remedy"] == "labels: did you mean motorcycle?"


def test_the_demo_model_before_a_real_camera_fails_though_it_runs(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path, broker.port)
    text = site.read_text("utf-8")
    start, end = text.index('card = "yolox-nano"'), text.index("[[camera]]")
    site.write_text(text[:start] + text[end:], "utf-8")
    code, found = checks(site)
    assert (code, failed(found)) == (1, ["model demo on a real camera"])
    remedy = found["model demo on a real camera"]["remedy"]
    assert remedy.startswith("commune-agent model add FILE --card yolox-nano")
    assert remedy.endswith('[detector] card = "yolox-nano"')


def test_a_broker_that_refuses_the_password_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "passwords").touch(mode=0o600)
    lines = (f"password_file {tmp_path / 'passwords'}",)
    with Broker(tmp_path / "broker", lines=lines, anonymous=False) as broker:
        _, found = checks(write_site(tmp_path / "box", broker.port))
    assert failed(found) == ["broker"]
    assert "does not authorise this box" in found["broker"]["detail"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak MQTT"),
        (b"", "closes the connection"),
        (b"\x20\x02\x00\x01", "MQTT 5"),
    ],
)
def test_what_is_no_mqtt_5_broker_is_told_so(tmp_path: Path, answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_once, args=(listener, answer), daemon=True).start()
        _, found = checks(write_site(tmp_path, listener.getsockname()[1]))
    assert failed(found) == ["broker"]
    assert words in found["broker"]["detail"]


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    link, _ = listener.accept()
    with link:
        link.recv(1024)
        link.sendall(answer)


def test_a_page_that_runs_is_asked_and_one_that_was_killed_is_not_believed(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path, broker.port)
    assert command("migrate", site).returncode == 0
    page = Program(tmp_path, "page", "agent", "page", str(site))
    try:
        known = tmp_path / "runtime" / "page.json"
        until(known.exists, 60, "the page to listen")
        url = json.loads(known.read_bytes())["url"]
        until(lambda: running_page(known.parent) == url, 30, "the page to answer")
        assert checks(site)[1]["page 127.0.0.1:0"]["detail"] == f"is running, answers at {url}"
    finally:
        page.kill()
    assert known.exists()  # nobody took it away
    assert checks(site)[1]["page 127.0.0.1:0"]["detail"] == "free to listen on"


def test_a_connected_uplink_is_asked_and_not_pushed_off_its_broker(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", lines=("connection_messages true", "log_type all")) as broker:
        site = write_site(tmp_path, broker.port)
        assert command("migrate", site).returncode == 0
        uplink = Program(tmp_path, "uplink", "agent", "uplink", str(site))
        try:
            until(lambda: "connected to" in uplink.text(), 30, "the uplink to connect")
            asked = until(
                lambda: "running uplink" in (told := checks(site)[1]["broker"]["detail"]) and told, 30, "told"
            )
            assert asked == f"the running uplink is connected to 127.0.0.1:{broker.port}; HQ's receiver is away"
            before = broker.log.read_text("utf-8").count("New client connected")
            checks(site)
            assert broker.log.read_text("utf-8").count("New client connected") == before
        finally:
            uplink.kill()
        until(lambda: checks(site)[1]["broker"]["detail"].endswith("MQTT 5 without TLS"), 30, "asked itself again")


def test_another_program_at_the_old_address_is_not_taken_for_the_page(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_once, args=(listener, b"HTTP/1.1 200 OK\r\n\r\nhello"), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        (tmp_path / "page.json").write_text(json.dumps({"url": url}))
        assert running_page(tmp_path) is None


def test_a_page_port_that_is_taken_is_told(tmp_path: Path, broker: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        _, found = checks(write_site(tmp_path, broker.port, port))
    assert failed(found) == [f"page 127.0.0.1:{port}"]
