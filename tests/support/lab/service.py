"""A service of a machine as systemd sees it: is it ready, which process is it, what became of it."""

from __future__ import annotations

import signal
import time

from support.lab.machine import Machine
from support.lab.shell import LabError, until

BOX_SERVICES = ("watch", "uplink", "page")


class Service:
    """One unit on one machine.

    Attributes:
        unit: its name, as ``commune-watch``.
    """

    def __init__(self, machine: Machine, unit: str) -> None:
        self.unit = unit
        self._machine = machine

    def state(self) -> dict[str, str]:
        """Give what systemd says of it."""
        wanted = "ActiveState,SubState,MainPID,NRestarts,Result,Type,WatchdogUSec,StatusText,User"
        said = self._machine.enter("systemctl", "show", self.unit, f"--property={wanted}", "--timestamp=us")
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def main(self) -> int:
        """Give the process id of its main process, inside the machine; 0 while it has none."""
        return int(self.state()["MainPID"])

    def ready(self, *, other_than: int = 0) -> int:
        """Give its main process once it has said READY; 0 until then, and while it is still ``other_than``."""
        state = self.state()
        up = state["ActiveState"] == "active" and state["SubState"] == "running"
        return int(state["MainPID"]) if up and int(state["MainPID"]) != other_than else 0

    def kill(self, number: signal.Signals) -> int:
        """Send its main process a signal and give its process id."""
        pid = self.main()
        assert pid, f"{self.unit} is not running"
        self._machine.enter("kill", f"-{number.value}", str(pid))
        return pid

    def comes_back(self, dead: int, limit_s: float) -> float:
        """Wait until it is ready as another process than ``dead``; give how long that took.

        Raises:
            LabError: it does not come back in time.
        """
        began_s = time.monotonic()
        try:
            until(lambda: self.ready(other_than=dead), limit_s, f"{self.unit} is ready again")
        except LabError as error:
            raise LabError(f"{error}: {self.state()}\n{self.journal()}") from error
        return time.monotonic() - began_s

    def watchdog_s(self) -> float:
        """Give how long it may be silent before systemd takes it for dead; 0 where that is not watched."""
        text = self.state()["WatchdogUSec"]
        return _seconds(text)

    def journal(self, lines: int = 40) -> str:
        """Give the end of its journal of this boot."""
        words = ["journalctl", "--boot", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={self.unit}"]
        return self._machine.enter(*words)


def _seconds(text: str) -> float:
    """Read a time span as systemctl prints it: ``30s``, ``1min 30s``, ``500ms``, ``0``."""
    units = {"h": 3600.0, "min": 60.0, "ms": 0.001, "us": 0.000001, "s": 1.0, "": 1.0}
    total = 0.0
    for word in text.split():
        number = word.rstrip("abcdefghijklmnopqrstuvwxyz")
        total += float(number) * units[word[len(number) :]] if number else 0.0
    return total
