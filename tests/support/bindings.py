"""NVIDIA's real Python bindings of TensorRT, without TensorRT: what they offer, and how they behave without a GPU."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from support.registry import registry_answers
from support.stub_library import write_stub

PACKAGE = "tensorrt-cu12-bindings"
VERSIONS = ("10.3.0", "10.13.3.9", "10.16.1.11", "11.0.0.114", "11.4.0.106")
"""Of JetPack 6.1 and later, 7.0, 7.2, and both ends of TensorRT 11. 1 MB each; the licence is Apache-2.0."""

_WANTED = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins",
)  # fmt: skip
_LIBRARIES = ("libnvinfer", "libnvonnxparser", "libnvinfer_plugin")

_TELL = """
import json, tensorrt
found = {}
for name in dir(tensorrt):
    thing = getattr(tensorrt, name)
    if isinstance(thing, type):
        found[name] = {each: getattr(getattr(thing, each), "__doc__", "") or "" for each in dir(thing)}
print(json.dumps({"version": tensorrt.__version__, "classes": found}))
"""


def place(version: str) -> Path:
    """Give a folder in which ``import tensorrt`` finds the bindings, fetching them the first time.

    They are kept in the user's cache folder. Skips the test where they cannot be had.
    """
    if platform.machine() != "x86_64" or sys.version_info[:2] not in ((3, 10), (3, 11), (3, 12)):
        pytest.skip(f"{PACKAGE} is not made for Python {platform.python_version()} on {platform.machine()}")
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    folder = _cache() / f"{PACKAGE}-{version}-{python}"
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "tensorrt" / "__init__.py").exists():
            _fetch(version, folder)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """What makes a child process find the bindings and their libraries that know nothing."""
    root = Path(__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{root}", "LD_LIBRARY_PATH": str(folder / "stubs")}


def run(folder: Path, program: str) -> str:
    """Run a program against the bindings; gives what it prints."""
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=environment(folder), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def offered(version: str) -> dict[str, Any]:
    """Give every class of the bindings, and the docstring of each of its members, which names the parameters."""
    found: dict[str, Any] = json.loads(run(place(version), _TELL))
    assert found["version"] == version
    return found["classes"]  # type: ignore[no-any-return]


def cuda_runtime(package: str, version: str, library: str) -> Path:
    """Give the real CUDA runtime, e.g. ``libcudart.so.12``, fetching it the first time; skips as ``place`` does."""
    if platform.machine() != "x86_64":
        pytest.skip(f"{package} is fetched for x86-64 only")
    folder = _cache() / f"{package}-{version}"
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.rglob(library)):
            _download(package, version, folder)
    return next(folder.rglob(library))


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "commune-agent"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _download(package: str, version: str, folder: Path) -> None:
    """Fetch a wheel and unpack it; a registry that answers but has no such package is a failure."""
    words = ["download", "-q", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "-d", str(folder)]
    line = [sys.executable, "-m", "pip", *words, f"{package}=={version}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        if not registry_answers():
            pytest.skip(f"the package registry cannot be reached to fetch {package}")
        pytest.fail(f"{package} {version} cannot be fetched: {done.stderr[-1000:]}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as content:
            content.extractall(folder)
        wheel.unlink()


def _fetch(version: str, folder: Path) -> None:
    _download(PACKAGE, version, folder)
    stubs = folder / "stubs"
    stubs.mkdir(exist_ok=True)
    for library in _LIBRARIES:
        write_stub(stubs / f"{library}.so.{version.split('.')[0]}", _WANTED)
    (folder / "tensorrt_bindings").rename(folder / "tensorrt")  # its package within the full wheels is called so
