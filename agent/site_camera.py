"""The shape of a camera in site.toml: where it looks, what nobody may see, what to watch for, when it is unwell."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from agent import site_values as values
from agent.backdrop.settings import CameraHealthSettings
from agent.core.ailment import AILMENTS
from agent.rules.settings import DEFAULTS
from agent.site_table import Id, Outline, RuleId, Share, Table, Text, WeeklyWindow, key
from agent.video.settings import CameraSettings


class Zone(Table):
    """A named area of the camera's picture."""

    id: Id = key("Id of the zone, unique in its camera.", example="kerb")
    name: Text = key("What people call it.", example="Lề đường phía chợ")
    polygon: Outline = key(
        "Corners in order, [x, y] from 0 (left, top) to 1; commune-agent still --grid helps to read them off.",
        example=[[0.10, 0.60], [0.45, 0.55], [0.50, 0.75], [0.12, 0.85]],
    )


class Mask(Table):
    """A privacy mask: painted over before anything looks at the picture, and on every picture kept or sent."""

    name: Text | None = key("What it covers.", None, example="Cửa sổ nhà dân")
    polygon: Outline = key(
        "Corners in order, as in a zone.", example=[[0.80, 0.05], [0.98, 0.05], [0.98, 0.25], [0.80, 0.25]]
    )


_STOPPED = DEFAULTS["stopped_vehicle"]
_HEALTH = CameraHealthSettings()


class Rule(Table):
    """What to watch for in a zone; keys that are left out take the rule's own default."""

    rule: RuleId = key(
        "stopped_vehicle (where stopping is forbidden), parked_vehicle (where parking is) or intrusion (a person).",
        example="stopped_vehicle",
    )
    zone: Id = key("Id of a zone of the same camera.", example="kerb")
    armed: bool = key("false switches the rule off and keeps its drawing.", True)
    schedule: list[WeeklyWindow] = key(
        "Weekly windows of local time in which it is armed; empty: always.", [], example=["mon-fri 06:00-22:00"]
    )
    dwell_s: float | None = key(
        "It opens after more than this.", None, example=_STOPPED.dwell_s, unit="s", ge=0, le=86400
    )
    end_confirm_s: float | None = key(
        "It ends after this long without the object; the end is dated back to when it left.",
        None,
        example=_STOPPED.end_confirm_s,
        unit="s",
        ge=0,
        le=3600,
    )
    reopen_within_s: float | None = key(
        "A stay at the same place that begins this soon after an end continues the incident; 0: never.",
        None,
        example=_STOPPED.reopen_within_s,
        unit="s",
        ge=0,
        le=3600,
    )
    cooldown_s: float | None = key(
        "A further incident at the same place within this makes no sound at HQ.",
        None,
        example=_STOPPED.cooldown_s,
        unit="s",
        ge=0,
        le=86400,
    )
    occlusion_grace_s: float | None = key(
        "How long a place is remembered while something else hides it.",
        None,
        example=_STOPPED.occlusion_grace_s,
        unit="s",
        ge=0,
        le=600,
    )
    backdrop_grace_s: float | None = key(
        "How long a stopped vehicle that is not detected any more is believed in while the picture shows no change"
        " there; 0: not at all. After ten minutes another may well stand there.",
        None,
        example=_STOPPED.backdrop_grace_s,
        unit="s",
        ge=0,
        le=3600,
    )
    min_box_px: int | None = key(
        "Objects smaller on their longer side are ignored.",
        None,
        example=_STOPPED.min_box_px,
        unit="px",
        ge=8,
        le=2000,
    )
    min_score: Share | None = key("Median score that an object needs.", None, example=_STOPPED.min_score)
    labels: list[str] | None = key(
        "Classes that count, as the model card names them.", None, example=sorted(_STOPPED.labels), min_length=1
    )
    severity: Literal["info", "attention", "urgent"] | None = key(
        "How soon a person should look.", None, example=_STOPPED.severity.value
    )


def _seconds(meaning: str, default: float) -> Any:
    return key(meaning, default, unit="s", ge=1, le=3600)


class CameraHealth(Table):
    """When a camera's picture counts as impaired; a lost signal is told in any case."""

    armed: bool = key("false: nothing below is looked for on this camera.", True)
    states: list[Literal["moved", "covered", "blurred", "frozen", "dark", "glare"]] = key(
        "Which states are looked for.", list(AILMENTS)
    )
    covered_s: float = _seconds("covered: the edges are gone for so long; a bus has passed by then.", _HEALTH.covered_s)
    covered_share: Share = key(
        "covered: less than this share of the usual edges, everywhere in the picture.", _HEALTH.covered_share
    )
    moved_s: float = _seconds("moved: the picture is shifted for so long; a gust is over by then.", _HEALTH.moved_s)
    moved_share: float = key(
        "moved: shifted by more than this share of the picture's width; less does not carry a zone off its kerb.",
        _HEALTH.moved_share,
        ge=0.01,
        le=0.5,
    )
    returned_s: float = _seconds(
        "moved ends by itself after so long back at the old view; a camera that swings does not.", _HEALTH.returned_s
    )
    blurred_s: float = _seconds("blurred: out of focus for so long; cameras refocus within seconds.", _HEALTH.blurred_s)
    blurred_share: Share = key("blurred: less than this share of the usual sharpness.", _HEALTH.blurred_share)
    frozen_s: float = _seconds(
        "frozen: nothing changes for so long outside the strips where cameras write their clock.", _HEALTH.frozen_s
    )
    dark_s: float = _seconds("dark: for so long.", _HEALTH.dark_s)
    dark_level: int = key(
        "dark: not even the brightest twentieth of the picture reaches this grey level, of 255.",
        _HEALTH.dark_level,
        ge=1,
        le=128,
    )
    glare_s: float = _seconds("glare: for so long; headlights have passed by then.", _HEALTH.glare_s)
    glare_share: Share = key("glare: more than this share of the picture is burnt out.", _HEALTH.glare_share)
    well_s: float = _seconds("Any other state ends after so long without it.", _HEALTH.well_s)
    switch_guard_s: float = _seconds(
        "Nothing new is found for so long after a switch between day and infrared picture, which defocuses by itself.",
        _HEALTH.switch_guard_s,
    )


class Camera(Table):
    """One camera."""

    id: Id = key("Id of the camera, unique on the box.", example="gate")
    name: Text = key("What people call it.", example="Camera cổng chợ")
    backend: Literal["opencv", "jetson", "rendered"] = key(
        "What opens it: opencv (RTSP, files, /dev/video0), jetson (hardware decoding) or rendered (a drawn scene).",
        "opencv",
    )
    url: Annotated[str, AfterValidator(values.check_url)] = key(
        "Address without user and password, or a file; take the camera's sub-stream, it costs an eighth to decode.",
        example="rtsp://192.168.1.64:554/Streaming/Channels/102",
    )
    user: str = key("User name at the camera.", CameraSettings.user, example="viewer")
    password_file: str | None = key(
        "File that holds that user's password on one line (chmod 600).", None, example="secrets/gate.password"
    )
    fps: float = key(
        "How often the detector sees this camera; more than 2 s between two looks counts as blindness.",
        CameraSettings.fps,
        unit="1/s",
        ge=1,
        le=30,
    )
    pace: Literal["source", "fast"] = key(
        "For files: source plays in real time, fast takes every frame at once.", CameraSettings.pace
    )
    loop: bool = key("For files: start again at the end.", CameraSettings.loop)
    open_timeout_s: float = key("Longest wait for a connection.", CameraSettings.open_timeout_s, unit="s", ge=1, le=120)
    read_timeout_s: float = key(
        "Longest wait for a frame before the camera counts as lost.",
        CameraSettings.read_timeout_s,
        unit="s",
        ge=1,
        le=120,
    )
    scale: Literal["detector", "full"] = key(
        "For jetson: detector scales pictures in hardware to what the model looks at, full keeps their size (sharper"
        " pictures of incidents, more memory traffic).",
        CameraSettings.scale,
    )
    zone: list[Zone] = key("Areas that rules look at.", [])
    mask: list[Mask] = key("Areas that nobody may see.", [])
    rule: list[Rule] = key("What to watch for.", [])
    health: CameraHealth = key("When its picture counts as impaired.", CameraHealth())
