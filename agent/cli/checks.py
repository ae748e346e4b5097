"""Try what a site.toml names: clock, directories, broker, page; each answer says what to do next."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from agent.cli.broker_probe import Refused, probe
from agent.cli.page_probe import running_page
from agent.clock import ClockState, Moment, monotonic_us
from agent.errors import ConfigError
from agent.page.auth import read_passwords
from agent.page.settings import PageSettings
from agent.runtime import closed, foreign, read_uplink
from agent.store.settings import StoreSettings
from agent.uplink.settings import UplinkSettings

OK, WARN, FAIL = "ok", "warn", "fail"

_LEAST_FREE_BYTES = 200 * 1024 * 1024
"""Below this a box loses pictures within hours and its logs soon after."""

_FRESH_US = 10_000_000
"""An older status was left by a program that runs no more (runtime.UplinkStatus)."""


@dataclass(frozen=True)
class Check:
    """What came of trying one thing.

    Attributes:
        what: was tried.
        state: OK, WARN (works, deserves a look) or FAIL.
        detail: what was found.
        remedy: what to do next; empty where there is nothing.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""


def check_clock(now: Moment) -> Check:
    """Look how far the wall clock can be trusted."""
    if now.state is ClockState.SYNCED:
        return Check("clock", OK, "synchronised")
    if now.state is ClockState.HOLDOVER:
        return Check("clock", WARN, "not synchronised now", "timedatectl set-ntp true, and is there an NTP server?")
    return Check("clock", WARN, "was never set; events are marked so", "set it: timedatectl set-ntp true")


def check_store(settings: StoreSettings) -> Check:
    """Look whether the state directory can be written and has room."""
    place = f"store {settings.state_dir}"
    here = _nearest_there(settings.state_dir)
    if not os.access(here, os.W_OK | os.X_OK):
        return Check(place, FAIL, f"{here} cannot be written by this user", _give(settings.state_dir))
    free = shutil.disk_usage(here).free
    room = f"{free / 1024**3:.1f} GiB free"
    if free < _LEAST_FREE_BYTES:
        return Check(place, FAIL, room, "free some space, or choose another box.state_dir")
    wanted = 4 * settings.max_log_bytes + settings.max_media_bytes + settings.max_originals_bytes
    if free < wanted and not settings.watch_db.exists():
        return Check(
            place, WARN, f"{room}, the quotas add up to {wanted / 1024**3:.1f} GiB", "lower the quotas in [store]"
        )
    if not settings.watch_db.exists():
        return Check(place, OK, f"{room}; its files will be made by: commune-agent migrate")
    return Check(place, OK, room)


def check_runtime(directory: Path) -> Check:
    """Look whether the runtime directory can be written."""
    here = _nearest_there(directory)
    if os.access(here, os.W_OK | os.X_OK):
        return Check(f"runtime {directory}", OK, "can be written")
    return Check(f"runtime {directory}", FAIL, f"{here} cannot be written by this user", _give(directory))


def check_broker(settings: UplinkSettings, runtime_dir: Path) -> Check:
    """Ask a running uplink, else connect to the broker as this box and leave again.

    A broker that takes client ids from certificates knows one client of this name: a second connection would push the
    running uplink off it.
    """
    status = None if closed(runtime_dir / "uplink.json") else read_uplink(runtime_dir)
    if status is not None and status.state == "connected" and monotonic_us() - status.mono_us < _FRESH_US:
        hq = "HQ's receiver is there" if status.hq_online else "HQ's receiver is away"
        return Check("broker", OK, f"the running uplink is connected to {settings.host}:{settings.port}; {hq}")
    try:
        return Check("broker", OK, probe(settings))
    except Refused as error:
        return Check("broker", FAIL, error.problem, error.remedy)


def check_page(settings: PageSettings, runtime_dir: Path) -> list[Check]:
    """Look whether the page could listen, and who may log in."""
    checks = [_listening(settings, runtime_dir)]
    if settings.password_file is not None:
        try:
            users = read_passwords(settings.password_file)
            checks.append(Check("page accounts", OK, ", ".join(sorted(users))))
        except ConfigError as error:
            checks.append(Check("page accounts", FAIL, str(error), "commune-agent password CONFIG USER"))
    return checks


def _listening(settings: PageSettings, runtime_dir: Path) -> Check:
    place = f"page {settings.host}:{settings.port}"
    if closed(runtime_dir / "page.json"):
        return Check(place, WARN, *foreign(runtime_dir / "page.json"))
    url = running_page(runtime_dir)
    if url is not None:
        return Check(place, OK, f"is running, answers at {url}")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            return Check(place, FAIL, f"cannot listen: {error.strerror}", "choose another page.port (0: any free one)")
    return Check(place, OK, "free to listen on")


def _nearest_there(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _give(directory: Path) -> str:
    return f"mkdir -p {directory} && chown $(id -un) {directory} (as root), or choose another"
