"""On a box, as root: what the service needs of the hardware is there inside its sandbox, too."""

from __future__ import annotations

import os
import pwd
import subprocess

import pytest
from support.units import SYSTEMD, settings

from agent.detect.trt.cudart import _NAMES

WALLS = (
    *("Device", "Private", "Protect", "Restrict", "SystemCall", "Capability", "Ambient"),
    *("NoNewPrivileges", "LockPersonality", "SupplementaryGroups", "UMask"),
)
CUDA = f"""
import ctypes
for name in {_NAMES!r}:
    try:
        library = ctypes.CDLL(name)
        break
    except OSError:
        continue
raise SystemExit(library.cudaFree(None))
"""
PROGRAMS = {
    "CUDA": ("/usr/bin/python3", "-c", CUDA),
    "scaler": (
        *("/usr/bin/gst-launch-1.0", "-q", "videotestsrc", "num-buffers=10", "!", "nvvidconv", "!"),
        *("video/x-raw(memory:NVMM)", "!", "nvvidconv", "!", "fakesink"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_sandbox_of_watch_lets_it_at_the_hardware(name: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may start a service")
    walls = [f"--property={key}={value}" for key, value in settings(SYSTEMD / "commune-watch.service") if _is_wall(key)]
    if _is_user("commune"):
        walls += ["--property=User=commune", "--property=Group=commune"]
    line = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *walls, "--", *PROGRAMS[name]]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _is_wall(key: str) -> bool:
    return key.startswith(WALLS)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
