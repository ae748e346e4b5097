"""Keep the three programs of a box running on a laptop, in the demo and in tests; systemd does it on a real box."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.clock import monotonic_us
from agent.errors import BackendMissing, ConfigError, ModelError, StoreError, WornOut

log = logging.getLogger(__name__)

STOP_S = 10.0
"""A program that has not stopped by then is killed."""

_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_SETTLED_S = 60.0
_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1  # prctl(2)
_NEEDS_A_PERSON = {ConfigError.exit_code, BackendMissing.exit_code, ModelError.exit_code}
_MAY_END = "watch"  # once every camera is a file that has been read to its end
_NEEDS_MIGRATE = StoreError.exit_code


def die_with_parent(parent: int) -> None:
    """Ask the kernel to stop this process when its supervisor dies, however that happens.

    Args:
        parent: pid of the supervisor. It may have died while this program was still being loaded, of which the kernel
            tells nothing any more: then another process is our parent, and we end at once.

    Raises:
        SystemExit: the supervisor is gone.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("commune-agent: the supervisor that started this program is gone")


@dataclass
class Child:
    """One program.

    Attributes:
        name: ``watch``, ``uplink`` or ``page``.
        process: the running one; None while it waits to be started or has ended for good.
        since_us: monotonic µs of its last start.
        due_us: monotonic µs of its next start.
        falls: crashes in a row.
        ended: it has ended by itself with exit code 0.
    """

    name: str
    process: subprocess.Popen[str] | None = None
    since_us: int = 0
    due_us: int = 0
    falls: int = 0
    ended: bool = False

    @property
    def settled(self) -> bool:
        """Whether it has run long enough to forget its earlier crashes."""
        return monotonic_us() - self.since_us > _SETTLED_S * 1e6


class Supervisor:
    """Runs ``migrate``, then the programs; restarts those that crash; stops all of them together.

    Args:
        config: site.toml.
        names: of the programs to run.
        out: where their logs go, each line under the program's name.
    """

    def __init__(self, config: Path, names: Sequence[str], out: IO[str]) -> None:
        self._config = config.resolve()
        self._children = [Child(name) for name in names]
        self._out = out
        self._writing = threading.Lock()

    def run(self, stop: threading.Event, done: Callable[[Sequence[str]], bool]) -> int:
        """Supervise until ``stop`` is set or ``done`` says so.

        Args:
            stop: set by whoever wants an end.
            done: is asked all the time, with the names of the programs that have ended by themselves.

        Returns:
            0, or the exit code of a program that could not start and needs a person first.
        """
        try:
            failure = self._migrate()
            while (
                not failure and not stop.is_set() and not done([child.name for child in self._children if child.ended])
            ):
                failure = self._tend()
                stop.wait(_POLL_S)
            return failure
        finally:
            self._stop_all()

    def _ended(self) -> list[str]:
        return [child.name for child in self._children if child.ended]

    def _migrate(self) -> int:
        return self._start(Child("migrate")).wait()

    def _tend(self) -> int:
        """Look after every program once; non-zero where one needs a person."""
        for child in self._children:
            if child.process is None:
                if not child.ended and monotonic_us() >= child.due_us:
                    child.process = self._start(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            child.process = None
            if code == 0 and child.name == _MAY_END:
                child.ended = True
                log.info("%s has ended", child.name)
            elif code == WornOut.exit_code and child.settled:
                log.info("%s starts afresh", child.name)
            elif code in _NEEDS_A_PERSON and child.falls == 0 and not child.settled:
                log.error("%s cannot start (exit code %d); stopping the others", child.name, code)
                return code
            else:
                self._fallen(child, code)
                if code == _NEEDS_MIGRATE:
                    return self._mend()
        return 0

    def _fallen(self, child: Child, code: int) -> None:
        child.falls = 1 if child.settled else child.falls + 1
        pause_s = _BACK_OFF_S[min(child.falls, len(_BACK_OFF_S)) - 1]
        child.due_us = monotonic_us() + round(pause_s * 1e6)
        log.warning("%s died (%s); starting it again in %.0f s", child.name, _cause(code), pause_s)

    def _mend(self) -> int:
        """Stop all programs and let ``migrate`` look at the store; they start again with what remains of back-off."""
        log.warning("the store needs migrate: stopping all programs for it")
        self._stop_all()
        return self._migrate()

    def _start(self, child: Child) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "agent", child.name, str(self._config)]
        if child.name != "migrate":
            command += ["--supervised", str(os.getpid())]
        child.since_us = monotonic_us()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops all in order
        )
        threading.Thread(target=self._relay, args=(child.name, process), daemon=True).start()
        return process

    def _relay(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                # Whoever reads our output may be gone; the program's pipe must be emptied all the same.
                with self._writing, contextlib.suppress(OSError):
                    self._out.write(f"{name:<7} | {line.rstrip()}\n")
                    self._out.flush()

    def _stop_all(self) -> None:
        running = [(child, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            process.terminate()
        deadline_us = monotonic_us() + round(STOP_S * 1e6)
        for child, process in running:
            try:
                process.wait(max(0.0, (deadline_us - monotonic_us()) / 1e6))
            except subprocess.TimeoutExpired:
                log.warning("%s did not stop in %.0f s; killing it", child.name, STOP_S)
                process.kill()
                process.wait()
            child.process = None


def _cause(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
