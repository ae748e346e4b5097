"""A box without eyes and an HQ, both real programs, for tests of the way between them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.clock import Moment, SystemClock, uuid7
from agent.core.box import Box
from agent.core.event import Event
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Severity
from agent.keys import load_signer
from agent.runtime import UplinkStatus, read_uplink
from agent.store.migrations import migrate
from agent.store.settings import StoreSettings
from agent.store.watch_store import WatchStore

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 45.0


def until(condition: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> Any:
    """Wait for ``condition`` to be truthy and give its value."""
    deadline = time.monotonic() + wait_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {wait_s} s: {what}"
        time.sleep(0.02)


def picture(number: int, size_bytes: int = 2000) -> Image:
    """Bytes that no other picture has; nobody on the way looks into them."""
    content = (f"picture {number} ".encode() + os.urandom(size_bytes))[:size_bytes]
    return Image("overview", content, "image/webp", 480, 270, leaves_box=True)


def incident_with(now: Moment, *pictures: Image) -> Incident:
    """An open incident that names its pictures."""
    return Incident(
        id=uuid7(now.utc_us), camera="cam-1", rule="stopped_vehicle", zone="kerb", slot=1, phase=Phase.OPEN, rev=1,
        severity=Severity.ATTENTION, begin_us=now.utc_us - 15_000_000, alert_us=now.utc_us, end_us=None,
        end_reason=None, label="car", count=1, score=0.87, box=Box(0.1, 0.2, 0.3, 0.4), dwell_s=15.2,
        preexisting=False, quiet=False, images=tuple(picture.ref for picture in pictures),
    )  # fmt: skip


class Program:
    """A child process whose output is kept."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log.open("ab")
        self.log = log
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT, env=environment
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.decode("utf-8").rstrip("\n"))

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self, wait_s: float = 15.0) -> int:
        self._end(signal.SIGTERM, wait_s)
        return self.process.returncode

    def _end(self, how: signal.Signals, wait_s: float = 15.0) -> None:
        if self.running:
            self.process.send_signal(how)
        self.process.wait(wait_s)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


class Hq:
    """commune-hq receive on a data directory."""

    def __init__(self, data: Path, port: int, *options: str, area: str = "demo") -> None:
        self.data = data
        data.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["-m", "hq", "receive", "--port", str(port), "--area", area, "--data", str(data), *options]
        self.program = Program(arguments, data.parent / "hq.log")

    def __enter__(self) -> Hq:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()

    def ready(self) -> Hq:
        until(lambda: "receiving area" in self.program.said or not self.program.running, "HQ receives")
        assert self.program.running, self.program.said
        return self

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database from outside; nothing where HQ has not made it yet."""
        if not (self.data / "hq.db").exists():
            return []
        db = sqlite3.connect(f"file:{self.data / 'hq.db'}?mode=ro", uri=True, timeout=10)
        try:
            made = db.execute("PRAGMA user_version").fetchone()[0]
            return db.execute(query, values).fetchall() if made else []
        finally:
            db.close()

    def event_ids(self, stream: str = "a") -> list[str]:
        """Every event HQ has of a stream, in order of arrival."""
        return [row[0] for row in self.ask("SELECT event_id FROM events WHERE stream = ? ORDER BY rowid", stream)]

    def has(self, ids: set[str]) -> bool:
        return ids <= set(self.event_ids())


class QuietBox:
    """A box whose watch is this test: it records, and its uplink carries."""

    def __init__(self, directory: Path, port: int, box: str = "gate-01", **uplink: Any) -> None:
        self.directory = directory
        self.box = box
        self.store_settings = StoreSettings(box, directory / "state")
        self.runtime_dir = directory / "run"
        self.runtime_dir.mkdir(parents=True)
        self.clock = SystemClock()
        migrate(self.store_settings)
        self.watch = self.open_watch()
        self.settings = {"box": box, "area": "demo", "host": "127.0.0.1", "port": port, "version": "test", **uplink}
        self.uplink: Program | None = None
        self.recorded: list[str] = []
        self.truth = directory / "truth"

    def __enter__(self) -> QuietBox:
        return self

    def __exit__(self, *_: object) -> None:
        if self.uplink is not None:
            self.uplink.kill()
        self.watch.close()

    def open_watch(self) -> WatchStore:
        return WatchStore(self.store_settings, load_signer(self.store_settings.keys_dir / "watch.key"), self.clock)

    def start(self, *, debug: bool = False) -> QuietBox:
        told = {
            "uplink": self.settings,
            "state_dir": str(self.store_settings.state_dir),
            "runtime_dir": str(self.runtime_dir),
            "debug": debug,
        }
        path = self.directory / "uplink.json"
        path.write_text(json.dumps(told), "utf-8")
        program = ROOT / "tests" / "support" / "uplink_program.py"
        self.uplink = Program([str(program), str(path)], self.directory / "uplink.log")
        return self

    @property
    def said(self) -> str:
        return (self.directory / "uplink.log").read_text("utf-8", "replace")

    def status(self) -> UplinkStatus | None:
        return read_uplink(self.runtime_dir)

    def connected(self) -> QuietBox:
        started_us = self.clock.now().mono_us
        fresh = lambda status: status and status.mono_us >= started_us and status.state == "connected"  # noqa: E731
        until(lambda: fresh(self.status()), "the uplink is connected")
        return self

    def delivered(self, wait_s: float = WAIT_S) -> None:
        """Wait until nothing is left to deliver."""
        asked_us = self.clock.now().mono_us + 1_500_000
        until(
            lambda: (
                (status := self.status()) and status.mono_us > asked_us and not any(status.backlog.values())
            ),
            "everything is acknowledged", wait_s,
        )  # fmt: skip

    def alert(self, images: int = 0, *, size_bytes: int = 2000, kind: str = "incident.open") -> str:
        """Record an incident with pictures; its id is in the truth file only once the store has answered."""
        now = self.clock.now()
        shots = [picture(len(self.recorded) * 8 + n, size_bytes) for n in range(images)]
        incident = incident_with(now, *shots)
        event = Event(uuid7(now.utc_us), kind, now, incident)
        self.watch.record([event], (), (), shots)
        with self.truth.open("a") as truth:
            truth.write(event.id + "\n")
        self.recorded.append(event.id)
        return event.id

    def note(self) -> str:
        """Record something of little urgency, in stream w."""
        now = self.clock.now()
        event = Event(uuid7(now.utc_us), "health.minute", now, detail={"judged": {"cam-1": 300}, "detect_ms": 11.2})
        self.watch.note(event)
        return event.id
