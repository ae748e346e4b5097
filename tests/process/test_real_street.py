"""A real street over RTSP, a real detector, and a camera that goes away: two cars, two incidents, no more."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import pytest
from support.broker import Broker
from support.rtsp import RtspServer
from support.stand import Stand, head, until

from agent.clock import monotonic_us
from agent.runtime import read_watch

pytestmark = [pytest.mark.real, pytest.mark.broker]

YELLOW_SUV, SILVER_SALOON = (0.25, 0.60, 0.47, 0.82), (0.48, 0.65, 0.74, 0.88)

CAMERA = """
[[camera]]
id = "street"
name = "Street"
backend = "opencv"
url = "{url}"
fps = 5
read_timeout_s = 3

[[camera.zone]]
id = "near-kerb"
name = "Near kerb"
polygon = [[0.24, 0.72], [0.76, 0.78], [0.76, 0.92], [0.24, 0.86]]

[[camera.rule]]
rule = "stopped_vehicle"
zone = "near-kerb"
dwell_s = {dwell_s}
"""


def iou(a: tuple, b: tuple) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def opened(stand: Stand) -> list[dict]:
    return [event["incident"] for event in stand.at_hq("incident.open")]


def test_two_parked_cars_alert_once_each_through_camera_outages(
    real: Path, broker: Broker, tmp_path: Path, free_port: int, long_run: bool
) -> None:
    dwell_s, outages_s = (30, (5, 45)) if long_run else (15, (5,))
    model = real / "models/yolox_nano_416.onnx"
    with RtspServer(real / "videos/street_overlook_parked.mp4") as camera:
        site = head(broker.port, free_port, "yolox-nano", model) + CAMERA.format(url=camera.url, dwell_s=dwell_s)
        with Stand(tmp_path / "box", broker.port, site) as stand:
            stand.hq()
            run = stand.agent("run")
            until(lambda: len(opened(stand)) == 2, 90, "both parked cars at HQ")

            for outage_s in outages_s:
                camera.stop()
                time.sleep(outage_s)  # the outage itself is what is tested
                camera.start()
                await_judged(stand, 0, 40)

            await_judged(stand, 20, 45)
            assert run.child.poll() is None, run.text()[-2000:]
            assert run.stop() == 0
            incidents = opened(stand)

            assert len(incidents) == 2, [i["id"] for i in incidents]
            assert all(incident.get("preexisting") for incident in incidents)
            assert all(incident["dwell_s"] >= dwell_s for incident in incidents)
            boxes = [incident["box"] for incident in incidents]
            for truth in (YELLOW_SUV, SILVER_SALOON):
                assert max(iou(truth, box) for box in boxes) > 0.5, f"{truth} is not among {boxes}"
            assert stand.at_hq("incident.end") == []
            assert 1 <= len(stand.at_hq("camera.lost")) == len(stand.at_hq("camera.back")) <= 2
            for incident in incidents:
                shows_the_car(stand, real, incident)


def await_judged(stand: Stand, later_s: float, longest_s: float) -> None:
    """Wait until a frame has been judged that was taken ``later_s`` from now or later."""
    due_us = monotonic_us() + round(later_s * 1e6)

    def judged() -> bool:
        status = read_watch(stand.folder / "runtime")
        return status is not None and status.cameras[0].frame_mono_us > due_us

    until(judged, longest_s, f"the stream judged {later_s} s later")


def shows_the_car(stand: Stand, real: Path, incident: dict) -> None:
    """The close-up at HQ must be found again at the incident's place in a frame of the clip."""
    ref = next(image for image in incident["images"] if image["kind"] == "closeup")
    thumbnail = cv2.imread(str(stand.pictures()[ref["sha256"]]))
    clip = cv2.VideoCapture(str(real / "videos/street_overlook_parked.mp4"))
    clip.set(cv2.CAP_PROP_POS_FRAMES, 100)
    _, frame = clip.read()
    clip.release()
    score = cv2.matchTemplate(frame, thumbnail, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(score)
    assert best > 0.7, f"the thumbnail is not in the picture (correlation {best:.2f})"
    height, width = frame.shape[:2]
    found = (x / width, y / height, (x + thumbnail.shape[1]) / width, (y + thumbnail.shape[0]) / height)
    assert iou(found, tuple(incident["box"])) > 0.3
