"""The shape of site.toml: every key with its type, default, limits, unit and reason, in the order people read it.

Defaults belong to the rooms' settings; here stands only what a person may write.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agent import site_values as values
from agent.detect.settings import DetectSettings, TensorRtSettings
from agent.evidence.settings import EvidenceSettings
from agent.health.settings import HealthSettings
from agent.page.settings import PageSettings
from agent.site_camera import Camera
from agent.site_table import BoxId, Host, Id, Port, Share, Table, Text, key
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.uplink.settings import UplinkSettings
from agent.watch.settings import WatchSettings


class Box(Table):
    """The box itself."""

    id: BoxId = key("Id of this box, unique at HQ; a level of its MQTT topics.", example="gate-01")
    name: Text = key("What people call it.", example="Cổng chào thôn 1")
    area: Id = key("Id of the unit that HQ is; a level of its MQTT topics.", example="commune-a")
    timezone: Annotated[str, AfterValidator(values.check_timezone)] = key(
        "Local time of schedules and of the page, as an IANA name.", "Asia/Ho_Chi_Minh"
    )
    state_dir: str = key("Directory of what must survive: logs, pictures, keys.", "/var/lib/commune-agent")
    runtime_dir: str = key(
        "Directory of what must only be fresh (status, previews); best in memory.", "/run/commune-agent"
    )
    keys_dir: str | None = key(
        "Directory of signing keys that commune-agent box key has made; left out: migrate makes them in box.state_dir.",
        None,
        example="pki",
    )


class TensorRt(Table):
    """What the engine tensorrt is built for; another value means another engine, which takes minutes to build."""

    batch: int = key(
        "Most pictures in one call; the engine is made fastest for this many. The number of cameras, 4 at most.",
        TensorRtSettings.batch,
        ge=1,
        le=16,
    )
    workspace_bytes: int = key(
        "Scratch memory that a layer may take, of the memory that the GPU shares with all else.",
        TensorRtSettings.workspace_bytes,
        unit="bytes",
        ge=16 * 1024**2,
        le=8 * 1024**3,
    )
    engines_dir: str | None = key(
        "Directory of the engines that this machine has built; left out: engines in box.state_dir.",
        None,
        example="engines",
    )


class Detector(Table):
    """Which model looks at the pictures."""

    engine: Literal["onnx", "tensorrt"] = key(
        "What runs the model: onnx (any machine, on the CPU) or tensorrt (a Jetson's GPU; takes baked models). Named,"
        " never guessed, and nothing is tried in its place.",
        DetectSettings.engine,
    )
    card: Id = key(
        "Id of the model card; commune-agent model list shows them. The demo model knows rendered scenes only.",
        DetectSettings.card,
        example="yolox-nano",
    )
    model: str | None = key(
        "The model file, where it is not the one that ships or that commune-agent model add installed.",
        None,
        example="models/yolox_nano.onnx",
    )
    models_dir: str | None = key(
        "Directory of models that were added; left out: models in box.state_dir.", None, example="models"
    )
    threads: int = key(
        "Threads of ONNX Runtime; one leaves the other cores to video.", DetectSettings.threads, ge=1, le=64
    )
    min_score: Share = key(
        "Detections below are dropped; it may not exceed evidence.person_score, or doubtful persons would stay clear.",
        DetectSettings.min_score,
    )
    motion_gate: bool = key(
        "Leave out pictures in which nothing has changed, but look once a second; false looks at every picture.",
        DetectSettings.motion_gate,
    )
    tensorrt: TensorRt = key("Only for the engine tensorrt.", TensorRt())


class Tracker(Table):
    """How detections are tied into tracks."""

    high_score: Share = key("Detections from here on may start a track.", TrackSettings.high_score)
    low_score: Share = key("Detections from here on may continue one.", TrackSettings.low_score)
    max_lost_s: float = key("A track unseen for longer is dropped.", TrackSettings.max_lost_s, unit="s", ge=0.2, le=30)


class Evidence(Table):
    """How the pictures of an incident are made; persons in pictures that leave the box are pixelated."""

    codec: Literal["webp", "jpeg"] = key(
        "Of pictures that leave the box; WebP takes half of JPEG's bytes.", EvidenceSettings.codec
    )
    quality: int = key("Encoder quality of pictures that leave the box.", EvidenceSettings.quality, ge=10, le=95)
    max_width_px: int = key(
        "No picture that leaves the box is wider.", EvidenceSettings.max_width_px, unit="px", ge=64, le=480
    )
    person_score: float = key(
        "Persons from this score on are pixelated; it can be lowered, not raised.",
        EvidenceSettings.person_score,
        ge=0.01,
        le=0.15,
    )
    person_memory_s: float = key(
        "Persons seen within this are pixelated where they were last seen.",
        EvidenceSettings.person_memory_s,
        unit="s",
        ge=2,
        le=30,
    )
    person_margin: float = key(
        "A person's box is grown by this share on every side first.", EvidenceSettings.person_margin, ge=0.2, le=1
    )
    person_blocks: int = key(
        "A pixelated person is at most this many blocks across.", EvidenceSettings.person_blocks, ge=1, le=8
    )


class Store(Table):
    """How much room the logs and pictures may take."""

    max_log_bytes: int = key("Quota of one log file.", StoreSettings.max_log_bytes, unit="bytes", ge=16 * 1024**2)
    max_media_bytes: int = key(
        "Quota of pictures waiting for HQ.", StoreSettings.max_media_bytes, unit="bytes", ge=16 * 1024**2
    )
    max_originals_bytes: int = key(
        "Quota of the clean pictures, which stay on the box.",
        StoreSettings.max_originals_bytes,
        unit="bytes",
        ge=16 * 1024**2,
    )
    keep_acked_days: int = key(
        "What HQ has acknowledged stays at least this long.", StoreSettings.keep_acked_days, unit="days", ge=14, le=3650
    )


class Tls(Table):
    """Certificate files of the link to HQ, all PEM; both sides prove who they are."""

    ca: str = key("Certificate of the authority that signed the broker's.", example="tls/ca.pem")
    cert: str = key("Certificate of this box.", example="tls/box.pem")
    key: str = key("Private key of this box; for its owner's eyes only.", example="tls/box.key")


class Uplink(Table):
    """The link to HQ's MQTT broker."""

    host: Host = key("Broker: host name or address.", example="127.0.0.1")
    port: Port | None = key("Broker's TCP port; 8883 with certificates, 1883 without.", None, example=8883)
    insecure: bool = key(
        "Allow plain MQTT to another machine; everybody on the way can read and forge it. It warns at every start.",
        UplinkSettings.insecure,
    )
    username: str = key("For brokers that ask for one.", UplinkSettings.username, example="gate-01")
    password_file: str | None = key(
        "File that holds that user's password on one line (chmod 600).", None, example="secrets/broker.password"
    )
    delivery: Literal["hq", "broker"] = key(
        "Who must confirm an event: hq (its receiver has stored it) or broker (weaker: it may be lost behind it).",
        UplinkSettings.delivery,
    )
    heartbeat_s: float = key("Interval of the heartbeat.", UplinkSettings.heartbeat_s, unit="s", ge=1, le=3600)
    tls: Tls | None = key("Certificates; needed for any broker that is not on this machine.", None)


class Page(Table):
    """The status page."""

    host: Host = key("Address to listen on; any but this machine's own needs a password_file.", "127.0.0.1")
    port: Annotated[int, Field(ge=0, le=65535)] = key("TCP port; 0 takes a free one.", 8080)
    password_file: str | None = key(
        "Accounts; written by: commune-agent password site.toml USER.", None, example="secrets/page.passwords"
    )
    hostnames: list[Host] = key(
        "Further names and addresses by which browsers reach the page.", [], example=["gate-01.local"]
    )
    language: Literal["vi", "en"] = key("Language until the visitor switches.", "vi")
    idle_s: float = key(
        "A login ends after this long without a person's doing; the page's own refreshing does not count.",
        PageSettings.idle_s,
        unit="s",
        ge=60,
        le=86400,
    )
    session_s: float = key(
        "A login ends after this long in any case; a duty shift.", PageSettings.session_s, unit="s", ge=60, le=86400
    )


class Health(Table):
    """How the box looks after itself: heat, supply. Of cameras: [camera.health]."""

    throttle: bool = key(
        "Look at cameras less often while the box is too hot or its supply gives way; never less than once a second.",
        HealthSettings.throttle,
    )
    root: str = key(
        "Directory under which sys, proc and var lie: sensors are read there. Another one than / is for tests.", "/"
    )


class Video(Table):
    """How camera streams are held."""

    max_rebuilds: int = key(
        "For jetson: after so many streams set up anew watch starts afresh (seconds, nothing is lost): each leaks about"
        " a megabyte in NVIDIA's library, and a fault in it up to fifty.",
        WatchSettings.max_rebuilds,
        ge=10,
        le=10_000,
    )


class SiteFile(Table):
    """A whole site.toml."""

    box: Box = key("The box itself.")
    uplink: Uplink = key("The link to HQ.")
    page: Page = key("The status page.", Page())
    video: Video = key("How camera streams are held.", Video())
    detector: Detector = key("Which model looks at the pictures.", Detector())
    tracker: Tracker = key("How detections are tied into tracks.", Tracker())
    evidence: Evidence = key("How the pictures of an incident are made.", Evidence())
    health: Health = key("How the box looks after itself: heat, supply. Of cameras: [camera.health].", Health())
    store: Store = key("How much room logs and pictures may take.", Store())
    camera: list[Camera] = key("The cameras, in the order of the page.", min_length=1)
