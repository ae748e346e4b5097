"""Where there is an interpreter with TensorRT: named, kept from an earlier run, or made now from the registry."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from support.registry import registry_answers

PACKAGE = "tensorrt-rtx==1.7.1.116"
"""Builds engines without a GPU. Its licence is not free: a test's own tool, never a dependency of this software."""

_PIP = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "2", "--timeout", "30")


@functools.cache
def interpreter() -> Path:
    """Give an interpreter that can import TensorRT, making one the first time (90 MB, 260 MB on the disk).

    It is kept in the user's cache folder; delete ``commune-agent`` there to be rid of it. Skips the test where it
    cannot be had: on another kind of processor, or without the package registry.
    """
    named = os.environ.get("COMMUNE_TRT_PYTHON")
    if named:
        return Path(named)
    if platform.machine() != "x86_64":
        pytest.skip(f"no TensorRT for a {platform.machine()} without a GPU: name one in COMMUNE_TRT_PYTHON")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "commune-agent"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        pytest.skip(f"no TensorRT here, and no folder to put it: {error}")
    folder = cache / PACKAGE.replace("==", "-")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:  # of two test runs one makes it, the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _works(folder):
            _make(folder)
    return _python(folder)


def engines(python: Path, models: list[Path]) -> dict[str, dict[str, object]]:
    """Build an engine from each model in one process; what came of it, by the file's name."""
    line = [python, Path(__file__).with_name("tensorrt_probe.py"), *models]
    run = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    found = [json.loads(each) for each in run.stdout.splitlines() if each.startswith("{")]
    return {each["file"]: each for each in found}


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _works(folder: Path) -> bool:
    python = _python(folder)
    line = [python, "-c", "import tensorrt_rtx"]
    return python.exists() and subprocess.run(line, capture_output=True, check=False).returncode == 0


def _make(folder: Path) -> None:
    """Make it anew; a registry that answers but has no such package is a failure, not a reason to skip."""
    python = _python(folder)
    for line in (
        [sys.executable, "-m", "venv", "--clear", folder],
        [python, *_PIP, "setuptools", "wheel"],
        [python, *_PIP, PACKAGE],
    ):
        run = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False, timeout=900)
        if run.returncode:
            if not registry_answers():
                pytest.skip("no TensorRT here, and the package registry cannot be reached to fetch it")
            pytest.fail(f"{PACKAGE} cannot be installed: {run.stderr[-1000:]}")
    assert _works(folder), f"{PACKAGE} is installed in {folder}, and cannot be imported"
