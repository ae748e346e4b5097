"""A store in a temporary folder with a clock of its own, and the facts tests put into it."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from agent.clock import ClockState, SimulatedClock, uuid7
from agent.core.box import Box
from agent.core.event import Event
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Severity, Slot, SlotKey
from agent.keys import Signer, load_signer
from agent.store.desk_store import DeskStore
from agent.store.link_store import LinkStore
from agent.store.migrations import migrate
from agent.store.reader import LogReader
from agent.store.settings import StoreSettings
from agent.store.watch_store import WatchStore

DAY_US = 86_400_000_000


@functools.cache
def _migrated_once() -> Path:
    # A migration syncs some thirty times, which is most of what a small test would cost.
    folder = Path(tempfile.mkdtemp(prefix="store-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate(StoreSettings("box-7", folder / "state"))
    return folder / "state"


class World:
    """One box's state directory, migrated, with its keys and a simulated clock."""

    def __init__(self, folder: Path, *, fresh: bool = False, **quotas: int) -> None:
        """Copy a state directory that was migrated once for all tests; ``fresh`` migrates one of its own."""
        self.settings = StoreSettings("box-7", folder / "state", **quotas)
        self.clock = SimulatedClock()
        if fresh:
            self.migrate()
        else:
            shutil.copytree(_migrated_once(), self.settings.state_dir)

    def migrate(self) -> list[str]:
        return migrate(self.settings)

    def signer(self, process: str) -> Signer:
        return load_signer(self.settings.keys_dir / f"{process}.key")

    def watch(self) -> WatchStore:
        return WatchStore(self.settings, self.signer("watch"), self.clock)

    def link(self) -> LinkStore:
        return LinkStore(self.settings, self.signer("uplink"), self.clock)

    def desk(self) -> DeskStore:
        return DeskStore(self.settings, self.signer("page"), self.clock)

    def reader(self, name: str = "watch.db", streams: str = "aw") -> LogReader:
        return LogReader(self.settings.state_dir / name, streams)

    def ack(self, stream: str, upto: int, name: str = "watch.db") -> None:
        """Let HQ have a stream up to a seq of its current epoch."""
        reader = self.reader(name, stream)
        head = reader.heads()[-1]
        reader.close()
        link = self.link()
        assert link.advance(stream, head.epoch, upto, head.head_seq)
        link.close()

    def event(self, kind: str = "camera.lost", **detail: str | int) -> Event:
        now = self.clock.now()
        return Event(uuid7(now.utc_us), kind, now, detail=detail)

    def slot(self, place: int = 1, phase: Phase = Phase.OPEN, **changes: object) -> Slot:
        now = self.clock.now()
        slot = Slot(
            key=SlotKey("gate", "stopped_vehicle", "kerb", place),
            phase=phase,
            incident=uuid7(now.utc_us),
            rev=1 if phase is Phase.OPEN else 0,
            since_mono_us=now.mono_us,
            since_utc_us=now.utc_us,
            clock_state=now.state,
            boot_id=now.boot_id,
            alert_us=now.utc_us if phase is Phase.OPEN else 0,
            last_seen_mono_us=now.mono_us,
            last_seen_utc_us=now.utc_us,
            label="car",
            count=1,
            score=0.75,
            box=Box(0.125, 0.25, 0.5, 0.75),
            preexisting=False,
            quiet=False,
            excluded_us=0,
        )
        return dataclasses.replace(slot, **changes)

    def incident_event(self, slot: Slot, kind: str = "incident.open", *images: Image, **changes: object) -> Event:
        now = self.clock.now()
        incident = Incident(
            id=slot.incident,
            camera=slot.key.camera,
            rule=slot.key.rule,
            zone=slot.key.zone,
            slot=slot.key.slot,
            phase=Phase.ENDED if kind == "incident.end" else Phase.OPEN,
            rev=slot.rev,
            severity=Severity.ATTENTION,
            begin_us=slot.since_utc_us,
            alert_us=slot.alert_us or now.utc_us,
            end_us=now.utc_us if kind == "incident.end" else None,
            end_reason="left" if kind == "incident.end" else None,
            label=slot.label,
            count=slot.count,
            score=slot.score,
            box=slot.box,
            dwell_s=61.5,
            preexisting=slot.preexisting,
            quiet=slot.quiet,
            images=tuple(image.ref for image in images if image.leaves_box),
        )
        return Event(uuid7(now.utc_us), kind, now, dataclasses.replace(incident, **changes))


def picture(seed: str, size: int = 5000, kind: str = "overview", leaves_box: bool = True) -> Image:
    """Make distinct bytes that stand for an encoded picture; the store never decodes one."""
    block = hashlib.sha256(seed.encode()).digest()
    content = (block * (size // 32 + 1))[:size]
    return Image(kind, content, "image/webp" if leaves_box else "image/jpeg", 480, 270, leaves_box)


def sql(path: Path, statement: str, *values: object) -> list[tuple]:
    """Look into, or meddle with, a file behind the store's back."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def unset(world: World) -> None:
    world.clock.step_wall(-world.clock.now().utc_us, ClockState.UNSET)
