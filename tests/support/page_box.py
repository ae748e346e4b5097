"""A box as its page sees it: a real store, live status files written as watch and uplink write them, a real page."""

from __future__ import annotations

import dataclasses
import http.client
import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from agent import runtime
from agent.clock import Moment, SystemClock, uuid7
from agent.config import load
from agent.core.box import Box
from agent.core.event import Event
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Severity, Slot, SlotKey
from agent.keys import load_signer
from agent.page.auth import write_password
from agent.runtime import CameraStatus, UplinkStatus, WatchStatus
from agent.store.link_store import LinkStore
from agent.store.migrations import migrate
from agent.store.reader import Head, LogReader
from agent.store.watch_store import WatchStore
from support.stand import Program, until

USER, PASSWORD = "truc", "thuong-truc-2026"

_SITE = """\
[box]
id = "hop-07"
name = "Hộp chợ Đồng Văn"
area = "dong-van"
state_dir = "state"
runtime_dir = "runtime"

[uplink]
host = "127.0.0.1"
port = 1883

[page]
port = 0
{page}

[[camera]]
id = "gate"
name = "Cổng chợ"
backend = "opencv"
url = "gate.mp4"

[[camera.zone]]
id = "kerb"
name = "Lòng đường trước cổng"
polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 0.95], [0.1, 0.95]]

[[camera.rule]]
rule = "stopped_vehicle"
zone = "kerb"

[[camera]]
id = "yard"
name = "Sân kho"
backend = "opencv"
url = "yard.mp4"

[[camera.zone]]
id = "fence"
name = "Trong hàng rào"
polygon = [[0.1, 0.3], [0.9, 0.3], [0.9, 0.95], [0.1, 0.95]]

[[camera.rule]]
rule = "intrusion"
zone = "fence"
"""


def street(seed: int, width: int = 640, height: int = 360) -> np.ndarray:
    """Draw a street with a car on it; (H, W, 3) uint8 BGR."""
    random = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.linspace((196, 178, 160), (120, 132, 128), height)[:, None]
    cv2.rectangle(picture, (0, height * 45 // 100), (width, height), (92, 94, 96), -1)
    cv2.rectangle(picture, (0, height * 42 // 100), (width, height * 47 // 100), (150, 156, 158), -1)
    for x in range(-40, width, 110):
        cv2.line(picture, (x, height * 74 // 100), (x + 60, height * 74 // 100), (215, 220, 220), 4)
    left, top = int(random.integers(80, width - 260)), height * 50 // 100
    cv2.ellipse(picture, (left + 85, top + 72), (100, 12), 0, 0, 360, (58, 60, 62), -1)
    cv2.rectangle(picture, (left, top + 26), (left + 170, top + 62), (58, 64, 176), -1)
    cv2.rectangle(picture, (left + 32, top), (left + 132, top + 30), (70, 78, 190), -1)
    cv2.rectangle(picture, (left + 42, top + 6), (left + 122, top + 26), (190, 180, 160), -1)
    for wheel in (36, 134):
        cv2.circle(picture, (left + wheel, top + 62), 15, (30, 30, 30), -1)
    noise = random.normal(0, 5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def encoded(picture: np.ndarray, extension: str, quality: int = 60) -> bytes:
    """Encode a picture as ``.jpg`` or ``.webp``."""
    flag = cv2.IMWRITE_WEBP_QUALITY if extension == ".webp" else cv2.IMWRITE_JPEG_QUALITY
    return cv2.imencode(extension, picture, [flag, quality])[1].tobytes()


def webp(seed: int, kind: str = "overview") -> Image:
    """Make a small picture that may leave the box."""
    small = cv2.resize(street(seed), (480, 270))
    return Image(kind, encoded(small, ".webp"), "image/webp", 480, 270, True)


class Liveness:
    """Writes the status files and previews every 200 ms until stopped; attributes may be changed meanwhile."""

    def __init__(self, folder: Path, clock: SystemClock) -> None:
        self.folder = folder
        self.clock = clock
        self.uplink_state, self.uplink_reason, self.hq_online = "connected", "", True
        self.uplink_since_us = clock.now().utc_us
        self.last_ack_us = clock.now().utc_us - 4_000_000
        self.backlog: dict[str, int] = {}
        self.watch_writes = True
        self.uplink_writes = True
        self.camera_states = {"gate": ("running", ""), "yard": ("running", "")}
        self.ailments: dict[str, tuple[str, ...]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._write()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def link(self, state: str, reason: str = "") -> None:
        self.uplink_state, self.uplink_reason = state, reason
        self.uplink_since_us = self.clock.now().utc_us

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            self._write()

    def _write(self) -> None:
        now = self.clock.now()
        if self.watch_writes:
            cameras = tuple(
                self._camera(name, state, reason, now) for name, (state, reason) in self.camera_states.items()
            )
            status = WatchStatus(now.mono_us, now.utc_us, now.state.value, cameras, "demo on onnx", 18.5)
            runtime.write_status(self.folder, "watch", status)
        if self.uplink_writes:
            connected = self.uplink_state == "connected"
            self.last_ack_us = now.utc_us - 4_000_000 if connected else self.last_ack_us
            link = UplinkStatus(
                now.mono_us,
                now.utc_us,
                self.uplink_state,
                self.uplink_reason,
                self.uplink_since_us,
                self.hq_online,
                self.backlog,
                self.last_ack_us,
            )
            runtime.write_status(self.folder, "uplink", link)

    def _camera(self, name: str, state: str, reason: str, now: Moment) -> CameraStatus:
        age_us = 300_000 if state == "running" else 95_000_000
        if state == "running":
            picture = street(now.mono_us // 1_000_000 % 1000)
            runtime.write_bytes(runtime.preview_path(self.folder, name), encoded(picture, ".jpg"))
        seen_us, ailments = now.mono_us - age_us, self.ailments.get(name, ())
        return CameraStatus(name, state, reason, now.utc_us - age_us, seen_us, 4.9, ailments=ailments)


class PageBox:
    """One box: its folder, its facts, its page as a real program."""

    def __init__(self, folder: Path, page: str = "", migrated: bool = True) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "site.toml").write_text(_SITE.format(page=page), "utf-8")
        self.site = load(folder / "site.toml")
        self.clock = SystemClock()
        self.runtime_dir = self.site.runtime_dir
        runtime.make_private(self.runtime_dir)
        self.live = Liveness(self.runtime_dir, self.clock)
        self.program: Program | None = None
        if migrated:
            migrate(self.site.store)

    def __enter__(self) -> PageBox:
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()
        if self.program is not None and self.program.child.poll() is None:
            self.program.kill()

    def account(self, user: str = USER, password: str = PASSWORD) -> None:
        write_password(self.folder / "passwords", user, password)

    def start(self, port: int = 0) -> str:
        """Start the page and give its address."""
        (self.runtime_dir / "page.json").unlink(missing_ok=True)
        text = (self.folder / "site.toml").read_text("utf-8")
        head, _, tail = text.partition("[page]\nport = ")
        (self.folder / "site.toml").write_text(f"{head}[page]\nport = {port}{tail.lstrip('0123456789')}", "utf-8")
        self.program = Program(self.folder, "page", "agent", "page", str(self.folder / "site.toml"))
        until(self._answers, 60, f"the page to answer: {self.program.text()}")
        return self.url

    @property
    def url(self) -> str:
        return str(json.loads((self.runtime_dir / "page.json").read_bytes())["url"])

    def _answers(self) -> bool:
        assert self.program is not None
        assert self.program.child.poll() is None, self.program.text()
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request with a client of the standard library."""
        place = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(place, timeout=10)
        try:
            connection.request(method, path, body or None, {"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def log_in(self, user: str = USER, password: str = PASSWORD) -> tuple[int, str]:
        """Send the form as a browser does; gives the status and the session's cookie."""
        host = urlsplit(self.url).netloc
        headers = {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
        status, answer, _ = self.ask("POST", "/login", f"user={user}&password={password}".encode(), headers)
        return status, answer.get("set-cookie", "").partition(";")[0]

    def watch_store(self) -> WatchStore:
        return WatchStore(self.site.store, load_signer(self.site.store.keys_dir / "watch.key"), self.clock)

    def link_store(self) -> LinkStore:
        return LinkStore(self.site.store, load_signer(self.site.store.keys_dir / "uplink.key"), self.clock)

    def heads(self, stream: str) -> tuple[Head, ...]:
        """How far a stream of watch.db reaches."""
        reader = LogReader(self.site.store.watch_db, stream)
        try:
            return reader.heads()
        finally:
            reader.close()

    def incident(
        self, age_s: float, *, camera: str = "gate", rule: str = "stopped_vehicle", zone: str = "kerb", place: int = 1
    ) -> tuple[Slot, Incident]:
        """Make an incident that opened ``age_s`` ago, with its slot."""
        now = self.clock.now()
        began = now.shifted(-round(age_s * 1_000_000))
        label = "person" if rule == "intrusion" else "car"
        box = Box(0.3, 0.48, 0.62, 0.72)
        slot = Slot(
            key=SlotKey(camera, rule, zone, place),
            phase=Phase.OPEN,
            incident=uuid7(began.utc_us),
            rev=1,
            since_mono_us=began.mono_us,
            since_utc_us=began.utc_us,
            clock_state=now.state,
            boot_id=now.boot_id,
            alert_us=now.utc_us,
            last_seen_mono_us=now.mono_us,
            last_seen_utc_us=now.utc_us,
            label=label,
            count=1,
            score=0.82,
            box=box,
            preexisting=False,
            quiet=False,
        )
        incident = Incident(
            id=slot.incident,
            camera=camera,
            rule=rule,
            zone=zone,
            slot=place,
            phase=Phase.OPEN,
            rev=1,
            severity=Severity.ATTENTION,
            begin_us=began.utc_us,
            alert_us=now.utc_us,
            end_us=None,
            end_reason=None,
            label=label,
            count=1,
            score=0.82,
            box=box,
            dwell_s=age_s,
            preexisting=False,
            quiet=False,
        )
        return slot, incident

    def record(
        self,
        store: WatchStore,
        slot: Slot,
        incident: Incident,
        images: Sequence[Image] = (),
        kind: str = "incident.open",
    ) -> None:
        """Record an incident's event as watch does."""
        told = dataclasses.replace(incident, images=tuple(image.ref for image in images))
        event = Event(uuid7(self.clock.now().utc_us), kind, self.clock.now(), told)
        ended = kind == "incident.end"
        store.record([event], [] if ended else [slot], [slot.key] if ended else [], images)

    def end(self, store: WatchStore, slot: Slot, incident: Incident, images: Sequence[Image] = ()) -> None:
        """End it as watch does."""
        now_us = self.clock.now().utc_us
        ended = dataclasses.replace(
            incident,
            phase=Phase.ENDED,
            rev=2,
            end_us=now_us,
            end_reason="left",
            dwell_s=(now_us - incident.begin_us) / 1_000_000,
        )
        self.record(store, slot, ended, images, "incident.end")

    def pend(self, store: WatchStore, dwell_s: float, camera: str = "gate", place: int = 9) -> Slot:
        """Put a running dwell into the store."""
        slot, _ = self.incident(dwell_s, camera=camera, place=place)
        pending = dataclasses.replace(slot, phase=Phase.PENDING, rev=0, alert_us=0)
        store.record([], [pending], [], [])
        return pending

    def audit(self) -> list[tuple[str, str, str]]:
        """Read (actor, action, subject) of the whole audit, oldest first, behind the page's back."""
        connection = sqlite3.connect(f"file:{self.site.store.desk_db}?mode=ro", uri=True, timeout=10)
        try:
            rows = connection.execute("SELECT entry FROM audit ORDER BY seq").fetchall()
        finally:
            connection.close()
        entries = [json.loads(row[0]) for row in rows]
        return [(entry["actor"], entry["action"], entry["subject"]) for entry in entries]
