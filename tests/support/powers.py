"""Programs with less than root's powers, so that file modes and owners count as they do on a box."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

STRANGER = 47_911
"""Number of a user that no machine has."""

OWNER_POWERS = "-dac_override,-dac_read_search"


def as_nobody_special() -> list[str]:
    """Give the words before a command for which file modes count; none where they count anyway."""
    if os.geteuid() != 0:
        return []
    return [_setpriv(), "--inh-caps=-all", f"--bounding-set={OWNER_POWERS}"]


def as_stranger() -> list[str]:
    """Give the words before a command that runs as ``STRANGER``, who may read everything and write what is his."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as another user")
    user = [f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    # The interpreter of these tests may lie in a home that only its owner may enter.
    return [_setpriv(), *user, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]


def _setpriv() -> str:
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("no setpriv here (Debian and Ubuntu: package util-linux)")
    return program


class Service:
    """One of our programs as a service manager runs it: with less power, and told some things by the environment."""

    def __init__(self, log: Path, before: list[str], told: Mapping[str, str], *words: str | Path) -> None:
        self.log = log
        line = [*before, sys.executable, "-m", "agent", *map(str, words)]
        with log.open("ab") as out:
            self.child = subprocess.Popen(line, stdout=out, stderr=out, env={**os.environ, **told})

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    @property
    def text(self) -> str:
        """All it has said so far."""
        return self.log.read_text("utf-8", errors="replace")

    def ended(self, seconds: float = 30) -> int:
        """Wait until it ends by itself; give its exit code."""
        return self.child.wait(seconds)

    def stop(self) -> int:
        """Ask it to stop; give its exit code."""
        self.child.terminate()
        return self.child.wait(20)
