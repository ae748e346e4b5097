"""What must only be fresh: small JSON files in the runtime directory, each renamed into place by its one writer.

Also the requests that a command drops for a running process (``ask``): the process carries them out, logs and deletes.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent.clock import Moment
from agent.errors import StoreError
from agent.owner import as_owner, owner_of, user_name

_NO_LOGIN = 2**32 - 1  # of a process that no log-in has started


@dataclass(frozen=True)
class CameraStatus:
    """How one camera does, as watch sees it.

    Attributes:
        id: camera id.
        state: ``connecting``, ``running``, ``lost`` (retrying) or ``ended`` (a file read to its end).
        reason: why it is lost, or how the file ended; empty otherwise.
        frame_utc_us: wall µs of the newest frame; 0 before the first.
        frame_mono_us: monotonic µs of the newest frame; 0 before the first.
        fps: frames judged per second, over the last 10 s.
        dropped: frames that came and were not judged since the start.
        reconnects: times the stream had to be opened again since the start.
        gated: frames judged without the network since the start, because nothing had changed before the camera.
        ailments: what is wrong with its picture, the most serious first (core.ailment).
    """

    id: str
    state: str
    reason: str = ""
    frame_utc_us: int = 0
    frame_mono_us: int = 0
    fps: float = 0.0
    dropped: int = 0
    reconnects: int = 0
    gated: int = 0
    ailments: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoxStatus:
    """How the box itself does; whatever no sensor tells is None or empty.

    Attributes:
        pace: share of their configured rate at which cameras are looked at; 1 unless the box must be spared.
        cause: why it is below 1: ``heat``, ``voltage`` or ``current``; empty otherwise.
        hottest: the part nearest to its limit.
        temp_c: that part's temperature.
        gpu_load: 0..1.
        power_mw: what the board draws.
        power_mode: number of the power mode.
        memory_mb: free for programs.
    """

    pace: float = 1.0
    cause: str = ""
    hottest: str = ""
    temp_c: float | None = None
    gpu_load: float | None = None
    power_mw: int | None = None
    power_mode: str = ""
    memory_mb: int | None = None


@dataclass(frozen=True)
class WatchStatus:
    """``watch.json``: rewritten every second.

    Attributes:
        mono_us: when this was written; a reader calls it stale after 10 s.
        utc_us: the same by wall clock.
        clock: clock state.
        cameras: one a camera, in configured order.
        detector: card and engine, e.g. ``demo on onnx``.
        detect_ms: mean time of one inference call over the last 10 s.
        trouble: why events cannot be recorded at the moment; empty when all is well.
        slow: ids of running cameras that are judged less than once a second, so that incidents may not end.
        boot: id of this boot as watch sees it; in a container a sandbox may see another one than a command does.
        box: how the box itself does.
        building: how far the building of the detector's engine is, while nothing is watched for want of it; else empty.
    """

    mono_us: int
    utc_us: int
    clock: str
    cameras: tuple[CameraStatus, ...]
    detector: str
    detect_ms: float
    trouble: str = ""
    slow: tuple[str, ...] = ()
    boot: str = ""
    box: BoxStatus = BoxStatus()
    building: str = ""


@dataclass(frozen=True)
class UplinkStatus:
    """``uplink.json``: rewritten every second.

    Attributes:
        mono_us: when this was written; a reader calls it stale after 10 s.
        utc_us: the same by wall clock.
        state: ``connecting``, ``connected``, ``lost`` or ``refused`` (a person must mend it).
        reason: why not connected; empty otherwise.
        since_utc_us: when the state began.
        hq_online: whether HQ's receiver says it is there.
        backlog: events and pictures not yet acknowledged, by stream.
        last_ack_utc_us: wall µs of HQ's latest acknowledgment; 0 for never.
    """

    mono_us: int
    utc_us: int
    state: str
    reason: str
    since_utc_us: int
    hq_online: bool
    backlog: dict[str, int] = field(default_factory=dict)
    last_ack_utc_us: int = 0


def preview_path(runtime_dir: Path, camera: str) -> Path:
    """Name the newest redacted preview JPEG of a camera; written by watch once a second."""
    return runtime_dir / f"preview-{camera}.jpg"


def write_bytes(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` so that a reader sees the old or the new file, never a part; not durable."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)  # half a file on a full disk is in the way of whoever makes room there
        raise


def write_status(runtime_dir: Path, name: str, status: WatchStatus | UplinkStatus) -> None:
    """Write ``name``.json for the page and for commands."""
    write_bytes(runtime_dir / f"{name}.json", json.dumps(asdict(status), separators=(",", ":")).encode())


def read_watch(runtime_dir: Path) -> WatchStatus | None:
    """Read watch.json; None before watch has written it."""
    fields = _read(runtime_dir / "watch.json")
    if fields is None:
        return None
    cameras = tuple(_camera(camera) for camera in fields.pop("cameras"))
    box = BoxStatus(**fields.pop("box", {}))
    return WatchStatus(cameras=cameras, slow=tuple(fields.pop("slow", ())), box=box, **fields)


def _camera(fields: dict[str, Any]) -> CameraStatus:
    return CameraStatus(ailments=tuple(fields.pop("ailments", ())), **fields)


def read_uplink(runtime_dir: Path) -> UplinkStatus | None:
    """Read uplink.json; None before uplink has written it."""
    fields = _read(runtime_dir / "uplink.json")
    return None if fields is None else UplinkStatus(**fields)


@dataclass(frozen=True)
class Ask:
    """A request to a running process.

    Attributes:
        id: uuid; the answering event carries it as ``re``.
        what: e.g. ``test_alert``.
        asked_mono_us: when, same boot.
        boot_id: boot in which it was asked; a request of another boot has expired.
        valid_s: how long it may still be carried out.
        note: free text of the asker, for the log.
        by: name of the asker's user on this machine.
    """

    id: str
    what: str
    asked_mono_us: int
    boot_id: str
    valid_s: float
    note: str = ""
    by: str = ""

    def expired(self, now: Moment) -> bool:
        """Tell whether it is too late to carry it out."""
        return now.boot_id != self.boot_id or now.mono_us - self.asked_mono_us > self.valid_s * 1_000_000


def drop_ask(
    ask_dir: Path, what: str, now: Moment, *, valid_s: float = 60.0, note: str = "", boot: str | None = None
) -> Ask:
    """Leave a request for the process that owns ``ask_dir``.

    Args:
        ask_dir: of that process.
        what: it shall do.
        now: the present.
        valid_s: how long it may do so.
        note: for its log.
        boot: id of this boot as that process says it sees it, if it says so.

    Raises:
        StoreError: it cannot be left there.
    """
    ask = Ask(str(uuid.uuid4()), what, now.mono_us, boot or now.boot_id, valid_s, note, asker())
    try:
        with as_owner(ask_dir):
            ask_dir.mkdir(parents=True, exist_ok=True)
            write_bytes(ask_dir / f"{ask.id}.json", json.dumps(asdict(ask)).encode())
    except PermissionError as error:
        raise StoreError("; ".join(foreign(ask_dir))) from error
    except OSError as error:
        raise StoreError(f"{ask_dir} cannot take a request ({error.strerror}); is its disk full?") from error
    return ask


def asker() -> str:
    """Name the user who runs this command, and behind sudo the one who logged in (Linux keeps it: loginuid)."""
    name = user_name(os.getuid())
    try:
        login_uid = int(Path("/proc/self/loginuid").read_bytes())
    except (OSError, ValueError):
        return name
    if login_uid in (_NO_LOGIN, os.getuid()):
        return name
    return f"{name} (logged in as {user_name(login_uid)})"


def closed(path: Path) -> bool:
    """Tell whether this user is kept from reading ``path``, so that it cannot be known whether it is there."""
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def foreign(path: Path) -> tuple[str, str]:
    """Say that ``path`` is another user's, as (problem, remedy), and whose: the nearest folder above may have to tell.

    Which user runs a command decides what it sees: behind a closed folder a running box looks like none.
    """
    owner = owner_of(path)
    user = "unknown" if owner is None else user_name(owner.st_uid)
    return f"{path} may not be used by this user", f"run it with sudo, or as the user that runs the box (owner {user})"


def pending_asks(ask_dir: Path) -> Iterator[tuple[Path, Ask | None]]:
    """Give every waiting request with its file; None for one that cannot be read. The owner deletes the file."""
    for path in sorted(ask_dir.glob("*.json")):
        try:
            yield path, Ask(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            yield path, None


def make_private(directory: Path) -> None:
    """Create ``directory`` for its owner alone (0700); an empty one that everybody may enter is closed."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if directory.stat().st_mode & 0o007 and not os.listdir(directory):  # noqa: PTH208
        directory.chmod(0o700)


def _read(path: Path) -> dict | None:  # type: ignore[type-arg]
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
