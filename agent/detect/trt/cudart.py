"""The CUDA runtime, without any Python package: a dozen of its functions through ctypes."""

# ruff: noqa: D102, N802  # the names of the CUDA runtime, which documents them

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

_NAMES = (
    "libcudart.so.13",  # JetPack 7
    "libcudart.so.12",  # JetPack 6
    "/usr/local/cuda/lib64/libcudart.so.13",
    "/usr/local/cuda/lib64/libcudart.so.12",
)
_MAJOR, _MINOR = 75, 76  # cudaDevAttrComputeCapabilityMajor, …Minor


class Cudart(Protocol):
    """The functions that are used; each but the last gives 0 or an error code."""

    def cudaHostAlloc(self, pointer: Any, size: int, flags: int, /) -> int: ...

    def cudaHostGetDevicePointer(self, pointer: Any, host: Any, flags: int, /) -> int: ...

    def cudaFreeHost(self, host: Any, /) -> int: ...

    def cudaStreamCreateWithFlags(self, stream: Any, flags: int, /) -> int: ...

    def cudaStreamDestroy(self, stream: Any, /) -> int: ...

    def cudaStreamSynchronize(self, stream: Any, /) -> int: ...

    def cudaEventCreateWithFlags(self, event: Any, flags: int, /) -> int: ...

    def cudaEventDestroy(self, event: Any, /) -> int: ...

    def cudaEventRecord(self, event: Any, stream: Any, /) -> int: ...

    def cudaEventSynchronize(self, event: Any, /) -> int: ...

    def cudaDeviceGetAttribute(self, value: Any, attribute: int, device: int, /) -> int: ...

    def cudaRuntimeGetVersion(self, version: Any, /) -> int: ...

    def cudaGetErrorString(self, code: int, /) -> bytes: ...


_POINTER, _SIZE, _NUMBER, _FLAGS = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint
_ARGUMENTS: dict[str, list[Any]] = {
    "cudaHostAlloc": [_POINTER, _SIZE, _FLAGS],
    "cudaHostGetDevicePointer": [_POINTER, _POINTER, _FLAGS],
    "cudaFreeHost": [_POINTER],
    "cudaStreamCreateWithFlags": [_POINTER, _FLAGS],
    "cudaStreamDestroy": [_POINTER],
    "cudaStreamSynchronize": [_POINTER],
    "cudaEventCreateWithFlags": [_POINTER, _FLAGS],
    "cudaEventDestroy": [_POINTER],
    "cudaEventRecord": [_POINTER, _POINTER],
    "cudaEventSynchronize": [_POINTER],
    "cudaDeviceGetAttribute": [_POINTER, _NUMBER, _NUMBER],
    "cudaRuntimeGetVersion": [_POINTER],
}


def load_cudart(names: Sequence[str] = _NAMES) -> Cudart | None:
    """Load the CUDA runtime; None where there is none. Waiting in it does not hold the GIL."""
    for name in names:
        try:
            library: Any = ctypes.CDLL(name)
        except OSError:
            continue
        for function, arguments in _ARGUMENTS.items():
            getattr(library, function).argtypes = arguments
            getattr(library, function).restype = _NUMBER
        library.cudaGetErrorString.argtypes = [_NUMBER]
        library.cudaGetErrorString.restype = ctypes.c_char_p
        loaded: Cudart = library
        return loaded
    return None


def gpu_name(library: Cudart) -> str:
    """Name the GPU's architecture, e.g. ``sm87``; empty where there is no GPU."""
    numbers = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        if library.cudaDeviceGetAttribute(ctypes.byref(value), attribute, 0):
            return ""
        numbers.append(value.value)
    return f"sm{numbers[0]}{numbers[1]}"


def runtime_version(library: Cudart) -> str:
    """Give the runtime's version, e.g. ``12.6``; empty where it does not tell."""
    value = ctypes.c_int()
    if library.cudaRuntimeGetVersion(ctypes.byref(value)):
        return ""
    return f"{value.value // 1000}.{value.value % 1000 // 10}"
