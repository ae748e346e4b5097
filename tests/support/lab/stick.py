"""The offline bundle that the lab installs from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.lab.shell import LabError, last_lines, run

_BUILD_S = 1800.0


def bundle(folder: Path) -> Path:
    """Give the bundle that COMMUNE_BUNDLE names, or build one of this checkout into ``folder``.

    Raises:
        LabError: there is none, or it cannot be built.
    """
    named = os.environ.get("COMMUNE_BUNDLE")
    if named:
        if not Path(named, "box.tar").is_file():
            raise LabError(f"COMMUNE_BUNDLE={named} is no unpacked bundle: it has no box.tar")
        return Path(named).resolve()
    done = run(sys.executable, "-m", "agent", "bundle", "build", "-o", folder, limit_s=_BUILD_S)
    if done.returncode:
        raise LabError(f"commune-agent bundle build: exit code {done.returncode}: {last_lines(done)}")
    (made,) = folder.glob("commune-agent-*")
    return made
