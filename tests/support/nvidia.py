"""NVIDIA's libraries as they are faked here: TensorRT, jetson-utils and the CUDA runtime, over one fake GPU."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.jetson import PATH, jetson_utils


@dataclass(frozen=True)
class World:
    """The fakes, fresh.

    Attributes:
        trt: the fake module ``tensorrt``.
        utils: the fake module ``jetson_utils_python``.
        gpu: what both work on.
        knobs: file of the fake TensorRT's knobs; see ``jetson/tensorrt/_bench.py``.
    """

    trt: Any
    utils: Any
    gpu: Any
    knobs: Path

    def turn(self, **knobs: Any) -> None:
        """Set knobs, here and in child processes."""
        self.knobs.write_text(json.dumps(knobs))

    def faults(self) -> list[str]:
        """Everything that would have crashed or corrupted a real program."""
        return [*self.gpu.verify(), *self.trt.bench.faults]


def environment(knobs: Path) -> dict[str, str]:
    """What makes child processes find the fakes."""
    there = os.environ.get("PYTHONPATH")
    paths = [str(PATH), *([there] if there else [])]
    return {"PYTHONPATH": os.pathsep.join(paths), "FAKE_TENSORRT": str(knobs)}


@contextmanager
def nvidia(folder: Path, **knobs: Any) -> Iterator[World]:
    """Let imports find the fakes, here and in child processes."""
    path = folder / "nvidia.json"
    path.write_text(json.dumps(knobs))
    added = environment(path)
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        with jetson_utils() as bench:
            _forget()
            import jetson_utils_python
            import tensorrt

            yield World(tensorrt, jetson_utils_python, bench.gpu, path)  # type: ignore[attr-defined]
    finally:
        _forget()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorrt"]:
        del sys.modules[name]


class FakeCudart:
    """The CUDA runtime as ctypes shows it: codes, and results through pointers."""

    def __init__(self, gpu: Any, arch: tuple[int, int] = (8, 7)) -> None:
        self._gpu = gpu
        self._arch = arch
        self.fails: dict[str, int] = {}
        self.flags: list[tuple[str, int]] = []

    def _give(self, name: str, pointer: Any, make: Any) -> int:
        if name in self.fails:
            return self.fails[name]
        try:
            pointer._obj.value = make()
        except Exception:  # noqa: BLE001  # the fake GPU raises as jetson-utils does
            return 2
        return 0

    def _do(self, name: str, act: Any) -> int:
        if name in self.fails:
            return self.fails[name]
        try:
            act()
        except Exception:  # noqa: BLE001
            return 700
        return 0

    def cudaHostAlloc(self, pointer: Any, size: int, flags: int) -> int:  # noqa: N802
        self.flags.append(("alloc", flags))
        return self._give("cudaHostAlloc", pointer, lambda: self._gpu.alloc(size, mapped=True))

    def cudaHostGetDevicePointer(self, pointer: Any, host: ctypes.c_void_p, flags: int) -> int:  # noqa: N802
        return self._give("cudaHostGetDevicePointer", pointer, lambda: host.value)

    def cudaFreeHost(self, host: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaFreeHost", lambda: self._gpu.free(host.value))

    def cudaStreamCreateWithFlags(self, pointer: Any, flags: int) -> int:  # noqa: N802
        self.flags.append(("stream", flags))
        return self._give("cudaStreamCreateWithFlags", pointer, lambda: self._gpu.create_stream(blocking=not flags & 1))

    def cudaStreamDestroy(self, stream: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaStreamDestroy", lambda: self._gpu.destroy_stream(stream.value))

    def cudaStreamSynchronize(self, stream: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaStreamSynchronize", lambda: self._gpu.wait(stream.value))

    def cudaEventCreateWithFlags(self, pointer: Any, flags: int) -> int:  # noqa: N802
        self.flags.append(("event", flags))
        return self._give("cudaEventCreateWithFlags", pointer, self._gpu.create_event)

    def cudaEventDestroy(self, event: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaEventDestroy", lambda: self._gpu.destroy_event(event.value))

    def cudaEventRecord(self, event: ctypes.c_void_p, stream: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaEventRecord", lambda: self._gpu.record(event.value, stream.value))

    def cudaEventSynchronize(self, event: ctypes.c_void_p) -> int:  # noqa: N802
        return self._do("cudaEventSynchronize", lambda: self._gpu.wait_event(event.value))

    def cudaDeviceGetAttribute(self, pointer: Any, attribute: int, device: int) -> int:  # noqa: N802
        return self._give("cudaDeviceGetAttribute", pointer, lambda: self._arch[attribute - 75])

    def cudaRuntimeGetVersion(self, pointer: Any) -> int:  # noqa: N802
        return self._give("cudaRuntimeGetVersion", pointer, lambda: 12060)

    def cudaGetErrorString(self, code: int) -> bytes:  # noqa: N802
        return {2: b"out of memory", 700: b"an illegal memory access was encountered"}.get(code, b"unknown error")
