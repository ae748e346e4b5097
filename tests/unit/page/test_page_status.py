"""A status is judged by its age; what stopped is told as silence, never as its last state."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runtime
from agent.clock import ClockState, SimulatedClock
from agent.page.settings import PageSettings, ShownCamera
from agent.page.shown import Notice
from agent.page.status import link_card, ms_of_utc, preview_address, tiles, warnings
from agent.runtime import BoxStatus, CameraStatus, UplinkStatus, WatchStatus

NOW = replace(SimulatedClock().now(), mono_us=500_000_000)
CAMERAS = (ShownCamera("gate", "Cổng chợ"), ShownCamera("yard", "Sân"))
SETTINGS = PageSettings("127.0.0.1", 0, None, (), "vi", "b01", "Chợ", "xa", CAMERAS, "Asia/Ho_Chi_Minh")
GATE = CameraStatus("gate", "running", "", NOW.utc_us - 2_000_000, NOW.mono_us - 2_000_000, 4.8)


def watch(age_s: float = 1.0, trouble: str = "", slow: tuple[str, ...] = ()) -> WatchStatus:
    age_us = round(age_s * 1_000_000)
    return WatchStatus(
        NOW.mono_us - age_us, NOW.utc_us - age_us, "synced", (GATE,), "demo on onnx", 20.0, trouble, slow
    )


def hot(age_s: float = 1.0) -> WatchStatus:
    return replace(watch(age_s), box=BoxStatus(pace=0.7, cause="heat", hottest="tj-thermal", temp_c=93.0))


def uplink(state: str, age_s: float = 1.0, hq_online: bool = True) -> UplinkStatus:
    age_us = round(age_s * 1_000_000)
    return UplinkStatus(
        NOW.mono_us - age_us,
        NOW.utc_us - age_us,
        state,
        "why" if state != "connected" else "",
        NOW.utc_us - 60_000_000,
        hq_online,
        {"a": 2, "m": 3, "w": 0},
        NOW.utc_us - 7_000_000,
    )


@pytest.mark.parametrize(
    ("said", "state", "hq"),
    [
        (uplink("connected"), "connected", "hq_online"),
        (uplink("connected", hq_online=False), "connected", "hq_offline"),
        (uplink("connecting"), "connecting", "hq_unknown"),
        (uplink("lost"), "lost", "hq_unknown"),
        (uplink("refused"), "refused", "hq_unknown"),
        (uplink("a later version's state"), "lost", "hq_unknown"),
        (uplink("connected", age_s=10.0), "connected", "hq_online"),
        (uplink("connected", age_s=10.1), "silent", "hq_unknown"),
        (None, "absent", "hq_unknown"),
    ],
)
def test_the_link_is_what_uplink_said_unless_it_fell_silent(said: UplinkStatus | None, state: str, hq: str):
    card = link_card(said, {"a": 1}, NOW)
    assert (card.state, card.hq) == (state, hq)


def test_the_backlog_is_counted_in_the_store_and_told_most_pressing_first():
    card = link_card(uplink("lost"), {"w": 5, "m": 4, "a": 3, "d": 0, "u": 1}, NOW)
    assert card.backlog == (("a", 3), ("u", 1), ("m", 4), ("w", 5))


def test_where_the_store_cannot_be_read_uplinks_count_stands_and_a_silent_uplinks_does_not():
    assert link_card(uplink("lost"), None, NOW).backlog == (("a", 2), ("m", 3))
    assert link_card(uplink("lost", age_s=30), None, NOW).backlog is None


def test_the_last_acknowledgment_is_placed_on_the_monotonic_clock():
    assert link_card(uplink("connected"), {}, NOW).last_ack_ms == NOW.mono_us // 1000 - 7000
    assert ms_of_utc(NOW.utc_us, NOW) == NOW.mono_us // 1000


@pytest.mark.parametrize(
    ("said", "states", "fps"),
    [
        (watch(), ["running", "unknown"], 4.8),
        (watch(age_s=11), ["unknown", "unknown"], None),
        (None, ["unknown"] * 2, None),
    ],
)
def test_tiles_follow_the_configuration_and_a_silent_watch_knows_nothing(
    said: WatchStatus | None, states: list[str], fps: float | None, tmp_path: Path
):
    shown = tiles(SETTINGS, said, tmp_path, NOW)
    assert [tile.name for tile in shown] == ["Cổng chợ", "Sân"]
    assert [tile.state for tile in shown] == states
    assert shown[0].fps == fps


def test_what_is_wrong_with_a_picture_stands_on_its_tile_while_pictures_come(tmp_path: Path):
    ill = replace(watch(), cameras=(replace(GATE, ailments=("moved", "dark")),))
    assert tiles(SETTINGS, ill, tmp_path, NOW)[0].ailments == ("moved", "dark")
    lost = replace(watch(), cameras=(replace(GATE, state="lost", ailments=("dark",)),))
    assert tiles(SETTINGS, lost, tmp_path, NOW)[0].ailments == ()
    assert tiles(SETTINGS, replace(ill, mono_us=0), tmp_path, NOW)[0].ailments == ()


@pytest.mark.parametrize("state", ["covered", "moved", "frozen", "blurred"])
def test_a_camera_that_somebody_must_see_to_is_warned_of_by_name(state: str):
    ill = replace(watch(), cameras=(replace(GATE, ailments=(state,)), replace(GATE, id="yard", ailments=("dark",))))
    assert warnings(SETTINGS, ill, uplink("connected"), NOW) == (Notice(state, "bad", "Cổng chợ"),)
    assert state not in [notice.key for notice in warnings(SETTINGS, replace(ill, mono_us=0), None, NOW)]
    lost = replace(ill, cameras=(replace(GATE, state="lost", ailments=(state,)),))
    assert warnings(SETTINGS, lost, uplink("connected"), NOW) == ()


def test_several_cameras_share_a_warning_and_the_most_urgent_comes_first():
    ill = replace(watch(), cameras=(replace(GATE, ailments=("blurred",)), replace(GATE, id="yard")))
    both = replace(ill, cameras=(ill.cameras[0], replace(ill.cameras[1], ailments=("covered", "blurred"))))
    shown = [(notice.key, notice.fact) for notice in warnings(SETTINGS, both, uplink("connected"), NOW)]
    assert shown == [("covered", "Sân"), ("blurred", "Cổng chợ, Sân")]


def test_the_states_survive_the_status_file(tmp_path: Path):
    ill = replace(watch(), cameras=(replace(GATE, ailments=("moved", "dark")),))
    runtime.write_status(tmp_path, "watch", ill)
    assert runtime.read_watch(tmp_path) == ill


def test_the_age_of_an_image_goes_on_when_watch_is_silent(tmp_path: Path):
    assert tiles(SETTINGS, watch(age_s=11), tmp_path, NOW)[0].image_ms == GATE.frame_mono_us // 1000


def test_a_preview_has_a_new_address_with_every_picture(tmp_path: Path):
    assert preview_address(tmp_path, "gate") is None
    runtime.write_bytes(runtime.preview_path(tmp_path, "gate"), b"x")
    first = preview_address(tmp_path, "gate")
    assert first is not None
    path = runtime.preview_path(tmp_path, "gate")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 5_000_000))
    assert preview_address(tmp_path, "gate") not in (None, first)


@pytest.mark.parametrize(
    ("watching", "linking", "keys"),
    [
        (watch(), uplink("connected"), []),
        (None, None, ["watch_absent", "uplink_absent"]),
        (watch(age_s=60), uplink("connected", age_s=60), ["watch_silent", "uplink_silent"]),
        (watch(trouble="no space"), uplink("connected"), ["trouble"]),
        (watch(slow=("gate",)), uplink("connected"), ["slow"]),
        (watch(age_s=60, slow=("gate",)), uplink("connected"), ["watch_silent"]),
        (hot(), uplink("connected"), ["pace_heat"]),
        (hot(age_s=60), uplink("connected"), ["watch_silent"]),
    ],
)
def test_silence_and_trouble_are_warned_of(watching: WatchStatus | None, linking: UplinkStatus | None, keys: list[str]):
    assert [warning.key for warning in warnings(SETTINGS, watching, linking, NOW)] == keys


def test_standing_warnings_and_an_unset_clock_are_shown():
    settings = replace(SETTINGS, warnings=("insecure_uplink",))
    found = warnings(settings, watch(), uplink("connected"), replace(NOW, state=ClockState.UNSET))
    assert [warning.key for warning in found] == ["clock_unset", "insecure_uplink"]


def test_a_box_that_waits_for_its_engine_says_that_it_does_not_watch() -> None:
    waiting = replace(watch(), building="Building engine 42%, 3 min 10 s")
    assert [(notice.key, notice.fact) for notice in warnings(SETTINGS, waiting, uplink("connected"), NOW)] == [
        ("building", "Building engine 42%, 3 min 10 s")
    ]
    silent = warnings(SETTINGS, replace(watch(age_s=11), building="x"), uplink("connected"), NOW)
    assert "building" not in [notice.key for notice in silent]
