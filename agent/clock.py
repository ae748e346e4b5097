"""Time with its quality: wall, monotonic and boot id, real or simulated; and the ids that carry time."""

from __future__ import annotations

import ctypes
import enum
import functools
import secrets
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

_BUILD_US = 1_767_225_600_000_000  # 2026-01-01 UTC: no box runs this software with an earlier true time
_ASK_EVERY_NS = 200_000_000  # how late a change of the clock's quality may be noticed
_TIME_ERROR = 5  # adjtimex(2): the kernel clock is not synchronised


class ClockState(str, enum.Enum):
    """How far wall time can be trusted.

    synced: the kernel says an NTP source disciplines the clock now.
    holdover: it was synced earlier in this boot, or a battery clock plausibly kept it.
    unset: the wall clock is before this software was built, or nothing has ever set it in this boot.
    """

    SYNCED = "synced"
    HOLDOVER = "holdover"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant, told in every way that a rule, a log or a person may need.

    Attributes:
        mono_us: monotonic µs; only comparable within one ``boot_id``.
        utc_us: wall clock, µs since 1970 UTC.
        state: quality of ``utc_us``.
        boot_id: random id of this boot of the machine, 32 hex digits.
    """

    mono_us: int
    utc_us: int
    state: ClockState
    boot_id: str

    def shifted(self, delta_us: int) -> Moment:
        """Give the moment ``delta_us`` later (negative: earlier) on both clocks."""
        return replace(self, mono_us=self.mono_us + delta_us, utc_us=self.utc_us + delta_us)


class Clock(Protocol):
    """Where a program takes its time from; injected, so that tests own it."""

    def now(self) -> Moment:
        """Read all clocks at once."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait by the monotonic clock."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._boot_id = boot_id()
        self._was_synced = False
        self._asked_ns = -_ASK_EVERY_NS
        self._quality = ClockState.UNSET

    def now(self) -> Moment:
        """Read all clocks at once."""
        utc_us = time.time_ns() // 1000
        return Moment(monotonic_us(), utc_us, self._state(utc_us), self._boot_id)

    def sleep(self, seconds: float) -> None:
        """Wait by the monotonic clock."""
        time.sleep(max(0.0, seconds))

    def _state(self, utc_us: int) -> ClockState:
        if utc_us < _BUILD_US:
            return ClockState.UNSET
        if time.monotonic_ns() - self._asked_ns >= _ASK_EVERY_NS:
            self._asked_ns = time.monotonic_ns()
            self._quality = self._asked()
        return self._quality

    def _asked(self) -> ClockState:
        """Ask the kernel; every question lets another thread take over, so it is not asked for every frame."""
        if _kernel_synced():
            self._was_synced = True
            return ClockState.SYNCED
        return ClockState.HOLDOVER if self._was_synced or _battery_clock() else ClockState.UNSET


class SimulatedClock:
    """A clock that moves only when told; ``step_wall`` makes NTP-like jumps that monotonic time never sees."""

    def __init__(self, utc_us: int = 1_790_000_000_000_000, boot: str = "0" * 31 + "1") -> None:
        self.moment = Moment(1_000_000, utc_us, ClockState.SYNCED, boot)

    def now(self) -> Moment:
        """Give the simulated moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Advance both clocks by ``seconds``."""
        self.moment = self.moment.shifted(round(seconds * 1_000_000))

    def step_wall(self, delta_us: int, state: ClockState | None = None) -> None:
        """Jump the wall clock alone, as NTP or a bad battery does."""
        self.moment = replace(self.moment, utc_us=self.moment.utc_us + delta_us, state=state or self.moment.state)

    def reboot(self, off_us: int, boot: str) -> None:
        """Lose power for ``off_us``: monotonic time starts anew under another boot id."""
        self.moment = Moment(1_000_000, self.moment.utc_us + off_us, self.moment.state, boot)


def monotonic_us() -> int:
    """Read CLOCK_MONOTONIC in µs; the same for every process of one boot."""
    return time.monotonic_ns() // 1000


def boot_id() -> str:
    """Read the kernel's id of this boot; a random one where the kernel gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
    except OSError:
        return secrets.token_hex(16)


def uuid7(utc_us: int) -> str:
    """Make a version-7 UUID (RFC 9562 §5.7): 48 bits of Unix ms, the rest random; an id, never an order."""
    value = (utc_us // 1000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def new_epoch() -> int:
    """Draw a fresh epoch: 63 random bits, never 0; new whenever a log file is created, restored or salvaged."""
    return secrets.randbits(63) or 1


def jitter() -> float:
    """Draw a number from 0 to 1, evenly spread, so that boxes and cameras that failed together do not retry in step."""
    return secrets.randbits(32) / 0xFFFFFFFF


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _kernel_synced() -> bool:
    buffer = ctypes.create_string_buffer(512)  # struct timex, modes = 0: read only
    try:
        answer = int(_libc().adjtimex(buffer))
    except (OSError, AttributeError):
        return False
    return 0 <= answer < _TIME_ERROR


def _battery_clock() -> bool:
    return Path("/sys/class/rtc/rtc0").exists()
