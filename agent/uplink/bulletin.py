"""What the link tells its surroundings: status file, heartbeat, service manager."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from agent import journal, runtime
from agent.clock import Clock, Moment
from agent.runtime import UplinkStatus
from agent.uplink.link import Link

log = logging.getLogger(__name__)

_STATUS_US = 1_000_000


class Bulletin:
    """Called after every turn of the loop.

    Args:
        link: whose state is told.
        state_dir: on whose partition the free space is measured.
        runtime_dir: where uplink.json goes.
        heartbeat_s: interval of ``h``.
        clock: monotonic and wall time.
    """

    def __init__(self, link: Link, state_dir: Path, runtime_dir: Path, heartbeat_s: float, clock: Clock) -> None:
        self._link = link
        self._state_dir = state_dir
        self._runtime_dir = runtime_dir
        self._heartbeat_us = round(heartbeat_s * 1_000_000)
        self._clock = clock
        self._status_due_us = 0
        self._heartbeat_due_us = clock.now().mono_us + self._heartbeat_us
        self._ready = False
        self._mute = False
        self._said = ""

    def turn(self) -> None:
        """Tell what is due; a turn that came to its end is the progress that the service manager wants to see."""
        now = self._clock.now()
        if not self._link.hung:
            journal.notify("WATCHDOG=1" if self._ready else "READY=1")
            self._ready = True
        if now.mono_us >= self._status_due_us:
            self._status_due_us = now.mono_us + _STATUS_US
            self._write_status(now)
        if now.mono_us >= self._heartbeat_due_us:
            self._heartbeat_due_us = now.mono_us + self._heartbeat_us
            self._link.heartbeat(shutil.disk_usage(self._state_dir).free)

    def _write_status(self, now: Moment) -> None:
        link, courier = self._link, self._link.courier
        refused = link.state == "connected" and courier.trouble
        status = UplinkStatus(
            mono_us=now.mono_us,
            utc_us=now.utc_us,
            state="refused" if refused else link.state,
            reason=courier.trouble if refused else link.reason,
            since_utc_us=link.since_utc_us,
            hq_online=courier.hq_online,
            backlog=courier.backlog(),
            last_ack_utc_us=link.last_ack_utc_us,
        )
        said = f"{status.state}: {status.reason}" if status.reason else status.state
        if said != self._said:
            self._said = said
            journal.notify(f"STATUS={said}")
        try:
            runtime.write_status(self._runtime_dir, "uplink", status)
            self._mute = False
        except OSError as error:
            if not self._mute:
                log.warning("cannot write the status file: %s", error)
            self._mute = True
