"""A silent camera is one fact, its return another."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_world import World

from agent.clock import SimulatedClock
from agent.runtime import CameraStatus
from agent.watch.gauge import Gauge
from agent.watch.presence import SILENT_S, Presence


def status(state: str = "lost") -> list[CameraStatus]:
    return [CameraStatus("gate", state, "refused")]


def test_a_camera_is_lost_once_after_the_silence_and_back_once() -> None:
    clock = SimulatedClock()
    began = clock.now()
    presence = Presence(["gate"], began)
    kinds = []
    for _ in range(40):
        clock.sleep(0.5)
        kinds += [event.kind for event in presence.changes(clock.now(), status())]
    assert kinds == ["camera.lost"]
    presence.heard("gate", clock.now())
    assert [event.kind for event in presence.changes(clock.now(), status("running"))] == ["camera.back"]
    assert presence.changes(clock.now(), status("running")) == []


def test_the_fact_says_since_when_and_why() -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    clock.sleep(3)
    last = clock.now()
    presence.heard("gate", last)
    clock.sleep(SILENT_S + 0.1)
    (event,) = presence.changes(clock.now(), status())
    assert event.detail == {"camera": "gate", "since_us": last.utc_us, "reason": "refused"}


@pytest.mark.parametrize(("silent_s", "lost"), [(SILENT_S, False), (SILENT_S + 0.001, True)])
def test_exactly_the_limit_is_not_yet_silence(silent_s: float, lost: bool) -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    clock.sleep(silent_s)
    assert bool(presence.changes(clock.now(), status())) is lost


def test_cameras_whose_frames_waited_for_the_disk_or_the_network_were_never_lost() -> None:
    """One frame is recorded after a minute on a full disk; the next batch, of other cameras, comes only then."""
    clock = SimulatedClock()
    presence = Presence(["gate", "yard"], clock.now())
    clock.sleep(60)
    newest = clock.now()
    presence.heard("gate", newest)
    told = {"frame_utc_us": newest.utc_us, "frame_mono_us": newest.mono_us}
    statuses = [CameraStatus("gate", "running", **told), CameraStatus("yard", "running", **told)]
    assert presence.changes(clock.now(), statuses) == []
    clock.sleep(SILENT_S + 0.1)
    assert [event.detail["since_us"] for event in presence.changes(clock.now(), statuses)] == [newest.utc_us] * 2


def told_over(hours: float, up_s: int, down_s: int) -> list[str]:
    """What is told of a camera that comes and goes."""
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    kinds = []
    for second in range(round(hours * 3600)):
        up = second % (up_s + down_s) < up_s
        if up:
            presence.heard("gate", clock.now())
        kinds += [event.kind for event in presence.changes(clock.now(), status("running" if up else "lost"))]
        clock.sleep(1)
    return kinds


@pytest.mark.parametrize(("up_s", "down_s"), [(1, 11), (45, 15), (240, 20), (320, 20)])
def test_a_cable_that_wobbles_all_day_is_no_storm(up_s: int, down_s: int) -> None:
    kinds = told_over(8, up_s, down_s)
    assert kinds[:3] == ["camera.lost", "camera.back", "camera.lost"]
    assert len(kinds) <= 8 * 24
    assert kinds == (["camera.lost", "camera.back"] * len(kinds))[: len(kinds)]


def test_a_camera_lost_every_other_hour_is_back_with_its_first_frame() -> None:
    assert told_over(9, 7200, 20).count("camera.back") == 4


def test_a_wall_clock_step_loses_no_camera() -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    clock.step_wall(3_600_000_000)
    assert presence.changes(clock.now(), status("running")) == []


def test_a_file_read_to_its_end_is_not_lost() -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    clock.sleep(60)
    assert presence.changes(clock.now(), status("ended")) == []


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    gauge = Gauge()
    for second in range(30):
        for _ in range(4):
            gauge.judged("gate", second * 1_000_000)
        gauge.inferred(second * 1_000_000, 0.02 if second < 20 else 0.04)
    assert gauge.fps("gate", 29_000_000) == pytest.approx(4.4)
    assert gauge.inference_ms(29_999_000) == pytest.approx(40)
    assert gauge.fps("other", 29_000_000) == 0
    assert gauge.take_totals() == {"gate": 120}
    assert gauge.take_totals() == {}


def test_a_camera_lost_before_the_restart_is_not_lost_again_and_comes_back_with_its_first_frame() -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now(), {"gate"})
    for _ in range(40):
        assert presence.changes(clock.now(), status()) == []
        clock.sleep(0.5)
    presence.heard("gate", clock.now())
    assert [event.kind for event in presence.changes(clock.now(), status("running"))] == ["camera.back"]
    clock.sleep(SILENT_S + 0.1)
    assert [event.kind for event in presence.changes(clock.now(), status())] == ["camera.lost"]


def test_the_store_remembers_over_a_restart_which_cameras_are_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    cameras = ["gate", "yard", "kerb"]
    presence = Presence(cameras, world.clock.now())
    store = world.watch()
    assert store.cameras_lost() == frozenset()

    def tell(*running: str) -> list[tuple[str, str]]:
        for camera in running:
            presence.heard(camera, world.clock.now())
        states = [CameraStatus(camera, "running" if camera in running else "lost") for camera in cameras]
        events = presence.changes(world.clock.now(), states)
        store.record(events, (), (), ())
        return [(event.kind, str(event.detail["camera"])) for event in events]

    world.clock.sleep(SILENT_S + 1)
    assert tell("kerb") == [("camera.lost", "gate"), ("camera.lost", "yard")]
    assert tell("yard", "kerb") == [("camera.back", "yard")]
    store.close()
    store = world.watch()
    presence = Presence(cameras, world.clock.now(), store.cameras_lost())
    world.clock.sleep(SILENT_S + 1)
    assert tell("yard", "kerb") == []
    assert tell("gate", "yard", "kerb") == [("camera.back", "gate")]
    assert store.cameras_lost() == frozenset()
    store.close()


def test_a_long_reason_is_cut() -> None:
    clock = SimulatedClock()
    presence = Presence(["gate"], clock.now())
    clock.sleep(SILENT_S + 1)
    (event,) = presence.changes(clock.now(), [CameraStatus("gate", "lost", "no route " * 100)])
    assert len(str(event.detail["reason"])) == 200
