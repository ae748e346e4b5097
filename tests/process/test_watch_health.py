"""A camera is covered, then turned: HQ hears each once, over a restart, and a technician's word ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.broker import Broker
from support.clips import film
from support.commands import command
from support.eyes import Picture, between, covered, shifted, street
from support.stand import Stand, head, until

from agent.runtime import read_watch

pytestmark = pytest.mark.broker

CAMERA = """
[[camera]]
id = "gate"
name = "Cổng chợ"
url = "{clip}"
fps = 2
pace = "{pace}"
loop = {loop}

[[camera.zone]]
id = "road"
name = "Lòng đường"
polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 0.9], [0.1, 0.9]]

[[camera.rule]]
rule = "stopped_vehicle"
zone = "road"
"""


def shoot(path: Path, picture: Picture, seconds: int) -> None:
    """Film at 2 pictures a second: decoding is quick, and the eye takes no more than it needs."""
    film(path, (picture(number / 2) for number in range(2 * seconds)), 2, (640, 360))


def camera(clip: str, *, live: bool) -> str:
    return CAMERA.format(clip=clip, pace="source" if live else "fast", loop=str(live).lower())


def test_hq_hears_of_a_covered_and_of_a_turned_camera_once(broker: Broker, tmp_path: Path, free_port: int) -> None:
    top = head(broker.port, free_port)
    with Stand(tmp_path / "box", broker.port, top + camera("film.mp4", live=False)) as stand:
        picture = between(40, 60, covered, street())
        shoot(stand.folder / "film.mp4", between(75, 999, shifted(0.2), picture), 92)
        shoot(stand.folder / "turned.mp4", between(0, 999, shifted(0.2), street()), 60)
        hq = stand.hq()
        stand.agent("uplink")
        watch = stand.agent("watch")
        assert watch.child.wait(120) == 0, watch.text()[-2000:]

        until(lambda: len(stand.at_hq("camera.%")) >= 3, 30, "the three states at HQ")
        told = [(event["kind"], event["state"]) for event in stand.at_hq("camera.%")]
        assert told == [("camera.impaired", "covered"), ("camera.restored", "covered"), ("camera.impaired", "moved")]
        impaired, restored, moved = stand.at_hq("camera.%")
        assert restored["re"] == impaired["id"]
        assert (impaired["since_us"] - impaired["utc_us"]) / 1e6 == pytest.approx(-10, abs=2)
        shown = [image["sha256"] for event in (impaired, restored, moved) for image in event["images"]]
        until(lambda: len(shown) == 3 and set(shown) <= set(stand.pictures()), 30, "a picture of each state at HQ")
        assert moved["measured"]["shift"] == pytest.approx(0.2, abs=0.02)
        assert "Camera gate bị che khuất [khẩn]" in hq.text()
        assert "các quy tắc theo vùng tạm dừng" in hq.text()
        listed = stand.call("agent", "events", str(stand.site), "list")
        assert "gate moved" in listed
        views = sorted((stand.folder / "state" / "views").iterdir())
        assert views

        stand.site.write_text(top + camera("turned.mp4", live=True), "utf-8")
        stand.agent("watch")
        until(lambda: running(stand), 60, "the camera's pictures")
        assert read_watch(stand.folder / "runtime").cameras[0].ailments == ("moved",)
        done = command("recalibrate", "gate", "--config", stand.site, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        event = json.loads(done.stdout)["event"]
        until(lambda: len(stand.at_hq("camera.%")) >= 5, 30, "the word of the technician at HQ")
        recalibrated, over = stand.at_hq("camera.%")[3:]
        assert (recalibrated["kind"], recalibrated["id"]) == ("camera.recalibrated", event)
        assert (over["kind"], over["reason"], over["re"]) == ("camera.restored", "recalibrated", moved["id"])
        until(lambda: read_watch(stand.folder / "runtime").cameras[0].ailments == (), 10, "the state's end on the page")
        assert not set(views) & set((stand.folder / "state" / "views").iterdir())


def running(stand: Stand) -> bool:
    status = read_watch(stand.folder / "runtime")
    return status is not None and status.cameras[0].state == "running"


def test_nobody_is_recalibrated_who_is_not_there_or_not_running(broker: Broker, tmp_path: Path, free_port: int) -> None:
    site = head(broker.port, free_port) + camera("film.mp4", live=False)
    with Stand(tmp_path / "box", broker.port, site) as stand:
        done = command("recalibrate", "gat", "--config", stand.site)
        assert done.returncode == 2
        assert "did you mean gate?" in done.stderr
        done = command("recalibrate", "gate", "--config", stand.site)
        assert done.returncode == 1
        assert "is not running" in done.stdout
