"""What the other programs last said of themselves, judged by its age: a status that stopped is told as silence."""

from __future__ import annotations

from pathlib import Path

from agent.clock import ClockState, Moment
from agent.page.settings import PageSettings
from agent.page.shown import LinkCard, Notice, Tile
from agent.runtime import CameraStatus, UplinkStatus, WatchStatus, preview_path

STALE_US = 10_000_000
"""Both programs write once a second; ten missed writes are a silence, not a hiccup."""

NOTICED = ("covered", "moved", "frozen", "blurred")
"""States of a picture that somebody must see to, the most urgent first; darkness and glare pass."""

_STATES = frozenset({"connecting", "connected", "lost", "refused"})


def is_stale(status: WatchStatus | UplinkStatus, now: Moment) -> bool:
    """Tell whether its writer has fallen silent."""
    return now.mono_us - status.mono_us > STALE_US


def warnings(
    settings: PageSettings, watch: WatchStatus | None, uplink: UplinkStatus | None, now: Moment
) -> tuple[Notice, ...]:
    """List what a visitor must know before believing the rest, most pressing first."""
    found = [*_of_program("watch", watch, now), *_of_program("uplink", uplink, now)]
    if watch is not None and watch.building and not is_stale(watch, now):
        found.append(Notice("building", "bad", watch.building))
    if watch is not None and watch.trouble:
        found.append(Notice("trouble", "bad", watch.trouble))
    if watch is not None and watch.slow and not is_stale(watch, now):
        names = {camera.id: camera.name for camera in settings.cameras}
        found.append(Notice("slow", "bad", ", ".join(names.get(camera, camera) for camera in watch.slow)))
    if watch is not None and not is_stale(watch, now):
        found.extend(_of_pictures(settings, watch))
    if watch is not None and watch.box.cause and not is_stale(watch, now):
        found.append(Notice(f"pace_{watch.box.cause}", fact=f"{100 * watch.box.pace:.0f}"))
    if now.state is ClockState.UNSET:
        found.append(Notice("clock_unset"))
    found.extend(Notice(key, fact=key) for key in settings.warnings)
    return tuple(found)


def link_card(uplink: UplinkStatus | None, backlog: dict[str, int] | None, now: Moment) -> LinkCard:
    """Judge the link to HQ.

    Args:
        uplink: what uplink last said.
        backlog: events and pictures without acknowledgment, by stream, counted in the store; None where it cannot be
            read, in which case uplink's own last count stands.
        now: the present.
    """
    if uplink is None or is_stale(uplink, now):
        state = "absent" if uplink is None else "silent"
        return LinkCard(state, "", 0, "hq_unknown", _waiting(backlog), _ack_ms(uplink, now))
    state = uplink.state if uplink.state in _STATES else "lost"
    hq = ("hq_online" if uplink.hq_online else "hq_offline") if state == "connected" else "hq_unknown"
    counts = uplink.backlog if backlog is None else backlog
    return LinkCard(state, uplink.reason, uplink.since_utc_us, hq, _waiting(counts), _ack_ms(uplink, now))


def tiles(settings: PageSettings, watch: WatchStatus | None, runtime_dir: Path, now: Moment) -> tuple[Tile, ...]:
    """Judge every configured camera, in configured order."""
    known = {} if watch is None else {camera.id: camera for camera in watch.cameras}
    silent = watch is None or is_stale(watch, now)
    return tuple(
        _tile(camera.id, camera.name, known.get(camera.id), silent, preview_address(runtime_dir, camera.id))
        for camera in settings.cameras
    )


def preview_address(runtime_dir: Path, camera: str) -> str | None:
    """Give the address of a camera's newest picture, another with every picture; None before the first."""
    try:
        stamp_ns = preview_path(runtime_dir, camera).stat().st_mtime_ns
    except OSError:
        return None
    return f"/cameras/{camera}/preview?at={stamp_ns // 1_000_000}"


def ms_of_utc(utc_us: int, now: Moment) -> int:
    """Place a wall time on the box's monotonic clock, by today's difference of the two; ms."""
    return (now.mono_us - (now.utc_us - utc_us)) // 1000


def _of_program(name: str, status: WatchStatus | UplinkStatus | None, now: Moment) -> list[Notice]:
    if status is None:
        return [Notice(f"{name}_absent", "bad")]
    return [Notice(f"{name}_silent", "bad")] if is_stale(status, now) else []


def _of_pictures(settings: PageSettings, watch: WatchStatus) -> list[Notice]:
    """Name the cameras that do not see as they should, by what is wrong; of one that is lost that is past."""
    found = []
    for state in NOTICED:
        ailing = {camera.id for camera in watch.cameras if state in camera.ailments and camera.state == "running"}
        names = ", ".join(camera.name for camera in settings.cameras if camera.id in ailing)
        found.extend([Notice(state, "bad", names)] if names else [])
    return found


def _waiting(counts: dict[str, int] | None) -> tuple[tuple[str, int], ...] | None:
    if counts is None:
        return None
    order = "adumw"  # what people ask after first
    streams = sorted(counts, key=lambda stream: (order.find(stream) % (len(order) + 1), stream))
    return tuple((stream, counts[stream]) for stream in streams if counts[stream])


def _ack_ms(uplink: UplinkStatus | None, now: Moment) -> int | None:
    return None if uplink is None or not uplink.last_ack_utc_us else ms_of_utc(uplink.last_ack_utc_us, now)


def _tile(camera: str, name: str, status: CameraStatus | None, silent: bool, preview: str | None) -> Tile:
    if status is None:
        return Tile(camera, name, "unknown", "", None, None, preview)
    image_ms = status.frame_mono_us // 1000 if status.frame_mono_us else None
    if silent:
        return Tile(camera, name, "unknown", "", None, image_ms, preview)
    ailments = status.ailments if status.state == "running" else ()
    return Tile(camera, name, status.state, status.reason, status.fps, image_ms, preview, ailments)
