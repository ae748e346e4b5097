"""The shape of site.toml: every key with its type, default, limits, unit and reason, in the order people read it.

Defaults belong to the rooms' settings; here stands only what a person may write.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from agent import site_values as values
from agent.backdrop.settings import CameraHealthSettings
from agent.core.ailment import AILMENTS
from agent.detect.settings import DetectSettings, TensorRtSettings
from agent.evidence.settings import EvidenceSettings
from agent.health.settings import HealthSettings
from agent.page.settings import PageSettings
from agent.rules.settings import DEFAULTS
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.uplink.settings import UplinkSettings
from agent.video.settings import CameraSettings
from agent.watch.settings import WatchSettings

_ID_SCHEMA = WithJsonSchema({"type": "string", "pattern": values.ID_PATTERN})
Id = Annotated[str, AfterValidator(values.check_id), _ID_SCHEMA]
BoxId = Annotated[str, AfterValidator(values.check_box_id), _ID_SCHEMA]
Text = Annotated[str, AfterValidator(values.check_text)]
Host = Annotated[str, AfterValidator(values.check_host)]
Outline = Annotated[list[list[float]], AfterValidator(values.check_polygon)]
WeeklyWindow = Annotated[str, AfterValidator(values.check_window)]
Share = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
RuleId = Annotated[str, AfterValidator(values.check_rule), WithJsonSchema({"type": "string", "enum": list(DEFAULTS)})]


def _key(meaning: str, default: Any = ..., *, example: object = None, unit: str = "", **limits: Any) -> Any:
    """Describe one key: what it means and why its default is what it is.

    Args:
        meaning: for the reference and for the comment in a fresh site.toml.
        default: in force where the key is absent; left out: the key must be written.
        example: what a fresh site.toml shows, where that is not the default.
        unit: of a number.
        limits: passed on to pydantic (``ge``, ``le``, ``min_length`` …).
    """
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    examples = None if example is None else [example]
    return Field(default, description=meaning, examples=examples, json_schema_extra=extra, **limits)


class Table(BaseModel):
    """A table of site.toml: strict types, no unknown key."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Box(Table):
    """The box itself."""

    id: BoxId = _key("Id of this box, unique at HQ; a level of its MQTT topics.", example="gate-01")
    name: Text = _key("What people call it.", example="Cổng chào thôn 1")
    area: Id = _key("Id of the unit that HQ is; a level of its MQTT topics.", example="commune-a")
    timezone: Annotated[str, AfterValidator(values.check_timezone)] = _key(
        "Local time of schedules and of the page, as an IANA name.", "Asia/Ho_Chi_Minh"
    )
    state_dir: str = _key("Directory of what must survive: logs, pictures, keys.", "/var/lib/commune-agent")
    runtime_dir: str = _key(
        "Directory of what must only be fresh (status, previews); best in memory.", "/run/commune-agent"
    )
    keys_dir: str | None = _key(
        "Directory of signing keys that commune-agent box key has made; left out: migrate makes them in box.state_dir.",
        None,
        example="pki",
    )


class TensorRt(Table):
    """What the engine tensorrt is built for; another value means another engine, which takes minutes to build."""

    batch: int = _key(
        "Most pictures in one call; the engine is made fastest for this many. The number of cameras, 4 at most.",
        TensorRtSettings.batch,
        ge=1,
        le=16,
    )
    workspace_bytes: int = _key(
        "Scratch memory that a layer may take, of the memory that the GPU shares with all else.",
        TensorRtSettings.workspace_bytes,
        unit="bytes",
        ge=16 * 1024**2,
        le=8 * 1024**3,
    )
    engines_dir: str | None = _key(
        "Directory of the engines that this machine has built; left out: engines in box.state_dir.",
        None,
        example="engines",
    )


class Detector(Table):
    """Which model looks at the pictures."""

    engine: Literal["onnx", "tensorrt"] = _key(
        "What runs the model: onnx (any machine, on the CPU) or tensorrt (a Jetson's GPU; takes baked models). Named,"
        " never guessed, and nothing is tried in its place.",
        DetectSettings.engine,
    )
    card: Id = _key(
        "Id of the model card; commune-agent model list shows them. The demo model knows rendered scenes only.",
        DetectSettings.card,
        example="yolox-nano",
    )
    model: str | None = _key(
        "The model file, where it is not the one that ships or that commune-agent model add installed.",
        None,
        example="models/yolox_nano.onnx",
    )
    models_dir: str | None = _key(
        "Directory of models that were added; left out: models in box.state_dir.", None, example="models"
    )
    threads: int = _key(
        "Threads of ONNX Runtime; one leaves the other cores to video.", DetectSettings.threads, ge=1, le=64
    )
    min_score: Share = _key(
        "Detections below are dropped; it may not exceed evidence.person_score, or doubtful persons would stay clear.",
        DetectSettings.min_score,
    )
    motion_gate: bool = _key(
        "Leave out pictures in which nothing has changed, but look once a second; false looks at every picture.",
        DetectSettings.motion_gate,
    )
    tensorrt: TensorRt = _key("Only for the engine tensorrt.", TensorRt())


class Tracker(Table):
    """How detections are tied into tracks."""

    high_score: Share = _key("Detections from here on may start a track.", TrackSettings.high_score)
    low_score: Share = _key("Detections from here on may continue one.", TrackSettings.low_score)
    max_lost_s: float = _key("A track unseen for longer is dropped.", TrackSettings.max_lost_s, unit="s", ge=0.2, le=30)


class Evidence(Table):
    """How the pictures of an incident are made; persons in pictures that leave the box are pixelated."""

    codec: Literal["webp", "jpeg"] = _key(
        "Of pictures that leave the box; WebP takes half of JPEG's bytes.", EvidenceSettings.codec
    )
    quality: int = _key("Encoder quality of pictures that leave the box.", EvidenceSettings.quality, ge=10, le=95)
    max_width_px: int = _key(
        "No picture that leaves the box is wider.", EvidenceSettings.max_width_px, unit="px", ge=64, le=480
    )
    person_score: float = _key(
        "Persons from this score on are pixelated; it can be lowered, not raised.",
        EvidenceSettings.person_score,
        ge=0.01,
        le=0.15,
    )
    person_memory_s: float = _key(
        "Persons seen within this are pixelated where they were last seen.",
        EvidenceSettings.person_memory_s,
        unit="s",
        ge=2,
        le=30,
    )
    person_margin: float = _key(
        "A person's box is grown by this share on every side first.", EvidenceSettings.person_margin, ge=0.2, le=1
    )
    person_blocks: int = _key(
        "A pixelated person is at most this many blocks across.", EvidenceSettings.person_blocks, ge=1, le=8
    )


class Store(Table):
    """How much room the logs and pictures may take."""

    max_log_bytes: int = _key("Quota of one log file.", StoreSettings.max_log_bytes, unit="bytes", ge=16 * 1024**2)
    max_media_bytes: int = _key(
        "Quota of pictures waiting for HQ.", StoreSettings.max_media_bytes, unit="bytes", ge=16 * 1024**2
    )
    max_originals_bytes: int = _key(
        "Quota of the clean pictures, which stay on the box.",
        StoreSettings.max_originals_bytes,
        unit="bytes",
        ge=16 * 1024**2,
    )
    keep_acked_days: int = _key(
        "What HQ has acknowledged stays at least this long.", StoreSettings.keep_acked_days, unit="days", ge=14, le=3650
    )


class Tls(Table):
    """Certificate files of the link to HQ, all PEM; both sides prove who they are."""

    ca: str = _key("Certificate of the authority that signed the broker's.", example="tls/ca.pem")
    cert: str = _key("Certificate of this box.", example="tls/box.pem")
    key: str = _key("Private key of this box; for its owner's eyes only.", example="tls/box.key")


class Uplink(Table):
    """The link to HQ's MQTT broker."""

    host: Host = _key("Broker: host name or address.", example="127.0.0.1")
    port: Port | None = _key("Broker's TCP port; 8883 with certificates, 1883 without.", None, example=8883)
    insecure: bool = _key(
        "Allow plain MQTT to another machine; everybody on the way can read and forge it. It warns at every start.",
        UplinkSettings.insecure,
    )
    username: str = _key("For brokers that ask for one.", UplinkSettings.username, example="gate-01")
    password_file: str | None = _key(
        "File that holds that user's password on one line (chmod 600).", None, example="secrets/broker.password"
    )
    delivery: Literal["hq", "broker"] = _key(
        "Who must confirm an event: hq (its receiver has stored it) or broker (weaker: it may be lost behind it).",
        UplinkSettings.delivery,
    )
    heartbeat_s: float = _key("Interval of the heartbeat.", UplinkSettings.heartbeat_s, unit="s", ge=1, le=3600)
    tls: Tls | None = _key("Certificates; needed for any broker that is not on this machine.", None)


class Page(Table):
    """The status page."""

    host: Host = _key("Address to listen on; any but this machine's own needs a password_file.", "127.0.0.1")
    port: Annotated[int, Field(ge=0, le=65535)] = _key("TCP port; 0 takes a free one.", 8080)
    password_file: str | None = _key(
        "Accounts; written by: commune-agent password site.toml USER.", None, example="secrets/page.passwords"
    )
    hostnames: list[Host] = _key(
        "Further names and addresses by which browsers reach the page.", [], example=["gate-01.local"]
    )
    language: Literal["vi", "en"] = _key("Language until the visitor switches.", "vi")
    idle_s: float = _key(
        "A login ends after this long without a person's doing; the page's own refreshing does not count.",
        PageSettings.idle_s,
        unit="s",
        ge=60,
        le=86400,
    )
    session_s: float = _key(
        "A login ends after this long in any case; a duty shift.", PageSettings.session_s, unit="s", ge=60, le=86400
    )


class Health(Table):
    """How the box looks after itself: heat, supply. Of cameras: [camera.health]."""

    throttle: bool = _key(
        "Look at cameras less often while the box is too hot or its supply gives way; never less than once a second.",
        HealthSettings.throttle,
    )
    root: str = _key(
        "Directory under which sys, proc and var lie: sensors are read there. Another one than / is for tests.", "/"
    )


class Zone(Table):
    """A named area of the camera's picture."""

    id: Id = _key("Id of the zone, unique in its camera.", example="kerb")
    name: Text = _key("What people call it.", example="Lề đường phía chợ")
    polygon: Outline = _key(
        "Corners in order, [x, y] from 0 (left, top) to 1; commune-agent still --grid helps to read them off.",
        example=[[0.10, 0.60], [0.45, 0.55], [0.50, 0.75], [0.12, 0.85]],
    )


class Mask(Table):
    """A privacy mask: painted over before anything looks at the picture, and on every picture kept or sent."""

    name: Text | None = _key("What it covers.", None, example="Cửa sổ nhà dân")
    polygon: Outline = _key(
        "Corners in order, as in a zone.", example=[[0.80, 0.05], [0.98, 0.05], [0.98, 0.25], [0.80, 0.25]]
    )


_STOPPED = DEFAULTS["stopped_vehicle"]
_HEALTH = CameraHealthSettings()


class Rule(Table):
    """What to watch for in a zone; keys that are left out take the rule's own default."""

    rule: RuleId = _key(
        "stopped_vehicle (where stopping is forbidden), parked_vehicle (where parking is) or intrusion (a person).",
        example="stopped_vehicle",
    )
    zone: Id = _key("Id of a zone of the same camera.", example="kerb")
    armed: bool = _key("false switches the rule off and keeps its drawing.", True)
    schedule: list[WeeklyWindow] = _key(
        "Weekly windows of local time in which it is armed; empty: always.", [], example=["mon-fri 06:00-22:00"]
    )
    dwell_s: float | None = _key(
        "It opens after more than this.", None, example=_STOPPED.dwell_s, unit="s", ge=0, le=86400
    )
    end_confirm_s: float | None = _key(
        "It ends after this long without the object; the end is dated back to when it left.",
        None,
        example=_STOPPED.end_confirm_s,
        unit="s",
        ge=0,
        le=3600,
    )
    reopen_within_s: float | None = _key(
        "A stay at the same place that begins this soon after an end continues the incident; 0: never.",
        None,
        example=_STOPPED.reopen_within_s,
        unit="s",
        ge=0,
        le=3600,
    )
    cooldown_s: float | None = _key(
        "A further incident at the same place within this makes no sound at HQ.",
        None,
        example=_STOPPED.cooldown_s,
        unit="s",
        ge=0,
        le=86400,
    )
    occlusion_grace_s: float | None = _key(
        "How long a place is remembered while something else hides it.",
        None,
        example=_STOPPED.occlusion_grace_s,
        unit="s",
        ge=0,
        le=600,
    )
    backdrop_grace_s: float | None = _key(
        "How long a stopped vehicle that is not detected any more is believed in while the picture shows no change"
        " there; 0: not at all. After ten minutes another may well stand there.",
        None,
        example=_STOPPED.backdrop_grace_s,
        unit="s",
        ge=0,
        le=3600,
    )
    min_box_px: int | None = _key(
        "Objects smaller on their longer side are ignored.",
        None,
        example=_STOPPED.min_box_px,
        unit="px",
        ge=8,
        le=2000,
    )
    min_score: Share | None = _key("Median score that an object needs.", None, example=_STOPPED.min_score)
    labels: list[str] | None = _key(
        "Classes that count, as the model card names them.", None, example=sorted(_STOPPED.labels), min_length=1
    )
    severity: Literal["info", "attention", "urgent"] | None = _key(
        "How soon a person should look.", None, example=_STOPPED.severity.value
    )


def _seconds(meaning: str, default: float) -> Any:
    return _key(meaning, default, unit="s", ge=1, le=3600)


class CameraHealth(Table):
    """When a camera's picture counts as impaired; a lost signal is told in any case."""

    armed: bool = _key("false: nothing below is looked for on this camera.", True)
    states: list[Literal["moved", "covered", "blurred", "frozen", "dark", "glare"]] = _key(
        "Which states are looked for.", list(AILMENTS)
    )
    covered_s: float = _seconds("covered: the edges are gone for so long; a bus has passed by then.", _HEALTH.covered_s)
    covered_share: Share = _key(
        "covered: less than this share of the usual edges, everywhere in the picture.", _HEALTH.covered_share
    )
    moved_s: float = _seconds("moved: the picture is shifted for so long; a gust is over by then.", _HEALTH.moved_s)
    moved_share: float = _key(
        "moved: shifted by more than this share of the picture's width; less does not carry a zone off its kerb.",
        _HEALTH.moved_share,
        ge=0.01,
        le=0.5,
    )
    returned_s: float = _seconds(
        "moved ends by itself after so long back at the old view; a camera that swings does not.", _HEALTH.returned_s
    )
    blurred_s: float = _seconds("blurred: out of focus for so long; cameras refocus within seconds.", _HEALTH.blurred_s)
    blurred_share: Share = _key("blurred: less than this share of the usual sharpness.", _HEALTH.blurred_share)
    frozen_s: float = _seconds(
        "frozen: nothing changes for so long outside the strips where cameras write their clock.", _HEALTH.frozen_s
    )
    dark_s: float = _seconds("dark: for so long.", _HEALTH.dark_s)
    dark_level: int = _key(
        "dark: not even the brightest twentieth of the picture reaches this grey level, of 255.",
        _HEALTH.dark_level,
        ge=1,
        le=128,
    )
    glare_s: float = _seconds("glare: for so long; headlights have passed by then.", _HEALTH.glare_s)
    glare_share: Share = _key("glare: more than this share of the picture is burnt out.", _HEALTH.glare_share)
    well_s: float = _seconds("Any other state ends after so long without it.", _HEALTH.well_s)
    switch_guard_s: float = _seconds(
        "Nothing new is found for so long after a switch between day and infrared picture, which defocuses by itself.",
        _HEALTH.switch_guard_s,
    )


class Camera(Table):
    """One camera."""

    id: Id = _key("Id of the camera, unique on the box.", example="gate")
    name: Text = _key("What people call it.", example="Camera cổng chợ")
    backend: Literal["opencv", "jetson", "rendered"] = _key(
        "What opens it: opencv (RTSP, files, /dev/video0), jetson (hardware decoding) or rendered (a drawn scene).",
        "opencv",
    )
    url: Annotated[str, AfterValidator(values.check_url)] = _key(
        "Address without user and password, or a file; take the camera's sub-stream, it costs an eighth to decode.",
        example="rtsp://192.168.1.64:554/Streaming/Channels/102",
    )
    user: str = _key("User name at the camera.", CameraSettings.user, example="viewer")
    password_file: str | None = _key(
        "File that holds that user's password on one line (chmod 600).", None, example="secrets/gate.password"
    )
    fps: float = _key(
        "How often the detector sees this camera; more than 2 s between two looks counts as blindness.",
        CameraSettings.fps,
        unit="1/s",
        ge=1,
        le=30,
    )
    pace: Literal["source", "fast"] = _key(
        "For files: source plays in real time, fast takes every frame at once.", CameraSettings.pace
    )
    loop: bool = _key("For files: start again at the end.", CameraSettings.loop)
    open_timeout_s: float = _key(
        "Longest wait for a connection.", CameraSettings.open_timeout_s, unit="s", ge=1, le=120
    )
    read_timeout_s: float = _key(
        "Longest wait for a frame before the camera counts as lost.",
        CameraSettings.read_timeout_s,
        unit="s",
        ge=1,
        le=120,
    )
    scale: Literal["detector", "full"] = _key(
        "For jetson: detector scales pictures in hardware to what the model looks at, full keeps their size (sharper"
        " pictures of incidents, more memory traffic).",
        CameraSettings.scale,
    )
    zone: list[Zone] = _key("Areas that rules look at.", [])
    mask: list[Mask] = _key("Areas that nobody may see.", [])
    rule: list[Rule] = _key("What to watch for.", [])
    health: CameraHealth = _key("When its picture counts as impaired.", CameraHealth())


class Video(Table):
    """How camera streams are held."""

    max_rebuilds: int = _key(
        "For jetson: after so many streams set up anew watch starts afresh (seconds, nothing is lost): each leaks about"
        " a megabyte in NVIDIA's library, and a fault in it up to fifty.",
        WatchSettings.max_rebuilds,
        ge=10,
        le=10_000,
    )


class SiteFile(Table):
    """A whole site.toml."""

    box: Box = _key("The box itself.")
    uplink: Uplink = _key("The link to HQ.")
    page: Page = _key("The status page.", Page())
    video: Video = _key("How camera streams are held.", Video())
    detector: Detector = _key("Which model looks at the pictures.", Detector())
    tracker: Tracker = _key("How detections are tied into tracks.", Tracker())
    evidence: Evidence = _key("How the pictures of an incident are made.", Evidence())
    health: Health = _key("How the box looks after itself: heat, supply. Of cameras: [camera.health].", Health())
    store: Store = _key("How much room logs and pictures may take.", Store())
    camera: list[Camera] = _key("The cameras, in the order of the page.", min_length=1)
