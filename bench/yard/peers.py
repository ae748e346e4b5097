"""An environment of its own for the peers, so that nothing of theirs gets into ours."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("trackers==2.6.1", f"onnxruntime=={version('onnxruntime')}")  # the network's runtime is to be the same


def interpreter() -> Path:
    """Give a Python that has the peers; made the first time, in the user's cache folder (555 MB)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "commune-agent"
    python = cache / "trackers-2.6.1" / "bin" / "python"
    if python.exists() and _runs([str(python), "-c", "import trackers, onnxruntime"]) == "":
        return python
    print("  installing trackers into an environment of its own (once)", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
    for line in ([sys.executable, "-m", "venv", "--clear", str(python.parent.parent)], [*pip, *PACKAGES]):
        fault = _runs(line)
        if fault:
            raise RuntimeError(f"the peers cannot be installed here: {fault}")
    return python


def _runs(line: list[str]) -> str:
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else (run.stderr[-300:] or f"exit code {run.returncode}")
