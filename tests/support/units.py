"""The units as they are shipped: read, and judged by systemd's own tool without a running systemd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
UNITS = [*SERVICES, *sorted(SYSTEMD.glob("*.target"))]

_AROUND = ("sysinit", "basic", "shutdown", "network", "multi-user")
"""Targets of the system that ours refer to, explicitly or by default."""


def settings(unit: Path) -> Iterator[tuple[str, str]]:
    """Give every key of a unit with its value, in order, continued lines joined."""
    for line in unit.read_text("utf-8").replace("\\\n", " ").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";", "[")):
            yield key, value.strip()


def values(unit: Path, key: str) -> list[str]:
    """Give what a unit says for a key that may stand several times."""
    return [value for name, value in settings(unit) if name == key]


def credentials(unit: Path) -> dict[str, str]:
    """Give the credentials of a unit: name to file."""
    return dict(line.split(":", 1) for line in values(unit, "LoadCredential"))


def exposed(unit: Path, limit: float) -> subprocess.CompletedProcess[str]:
    """Let systemd judge how exposed a service is; its exit code is not 0 above ``limit`` (0 to 10)."""
    if _version() < 252:
        pytest.skip(f"systemd {_version()} here cannot judge a unit that is not installed")
    return _analyze("security", "--offline=true", "--no-pager", f"--threshold={round(limit * 10)}", str(unit))


def _version() -> int:
    return int(_analyze("--version").stdout.split()[1])


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here (Debian and Ubuntu: package systemd)")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


class Root:
    """A folder that looks like a box with our units: targets around them, and programs that could be started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units = folder / "etc/systemd/system"
        self.units.mkdir(parents=True)
        for unit in UNITS:
            shutil.copy(unit, self.units)
        for name in _AROUND:
            (self.units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n")
        for program in {line.split()[0] for unit in SERVICES for line in values(unit, "ExecStart")}:
            path = folder / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)

    def complaints(self, unit: str) -> str:
        """Give what systemd has to say against a unit; its exit code does not count unknown keys."""
        if _version() < 250:  # tests/lab/test_lab_userlands.py lets such a systemd judge, in a root of its own
            pytest.skip(f"systemd {_version()} here cannot judge a unit that is not installed")
        done = _analyze("verify", "--man=no", f"--root={self.folder}", unit)
        said = done.stdout + done.stderr
        if "Failed to initialize manager" in said:
            pytest.skip("systemd-analyze verify needs control groups, which are not here")
        return said

    def change(self, unit: str, old: str, new: str) -> None:
        """Change a unit."""
        path = self.units / unit
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
