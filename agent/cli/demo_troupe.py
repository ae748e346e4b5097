"""The demo's child programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from agent.clock import monotonic_us
from agent.errors import AgentError


class Troupe:
    """The demo's child programs; leaving the ``with`` block stops them all, the last started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Troupe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, child in reversed(self._children):
            _stop(name, child)

    def start(self, name: str, command: list[str], hear: Callable[[str], None] | None = None) -> None:
        """Start a program whose log goes to ``NAME.log``; ``hear`` gets each line of its standard output."""
        with (self._folder / f"{name}.log").open("a", encoding="utf-8") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log if hear is None else subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops them in order
            )
        self._children.append((name, child))
        if hear is not None:
            threading.Thread(target=_listen, args=(child, hear), daemon=True).start()

    def call(self, name: str, command: list[str]) -> int:
        """Run a program to its end; gives the µs it took.

        Raises:
            AgentError: it failed; the message is its own last line.
        """
        began_us = monotonic_us()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, start_new_session=True
        )
        (self._folder / f"{name}.log").write_text(done.stdout + done.stderr, "utf-8")
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise AgentError(f"{name} failed with exit code {done.returncode}: {last}; see {self._folder / name}.log")
        return monotonic_us() - began_us

    def fallen(self) -> str | None:
        """Name a program that has stopped by itself, or None."""
        for name, child in self._children:
            if child.poll() is not None:
                return f"{name} stopped by itself with exit code {child.returncode}; see {self._folder / name}.log"
        return None


def _listen(child: subprocess.Popen[str], hear: Callable[[str], None]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            hear(line.rstrip("\n"))


def _stop(name: str, child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        print(f"demo: {name} did not stop in 15 s; killing it", file=sys.stderr)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
