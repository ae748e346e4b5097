"""cudaMemory and cudaImage; names, keywords and faults as in python/bindings/PyCUDA.cpp."""

from __future__ import annotations

import sys
from typing import Any

from numpy.typing import NDArray

from ._bench import world

FORMATS: dict[str, tuple[int, int, str]] = {  # name: bits a pixel, channels, type of a channel (image/imageFormat.h)
    "rgb8": (24, 3, "u1"),
    "rgba8": (32, 4, "u1"),
    "rgb32f": (96, 3, "f4"),
    "rgba32f": (128, 4, "f4"),
    "bgr8": (24, 3, "u1"),
    "bgra8": (32, 4, "u1"),
    "bgr32f": (96, 3, "f4"),
    "bgra32f": (128, 4, "f4"),
    "gray8": (8, 1, "u1"),
    "gray32f": (32, 1, "f4"),
    "nv12": (12, 3, "u1"),
}
SAYS = "jetson.utils -- "


def format_size(name: str, width: int, height: int) -> int:
    """Bytes of an image."""
    return width * height * FORMATS[name][0] // 8


class cudaMemory:  # noqa: N801 - the name is NVIDIA's
    """CUDA memory."""

    def __init__(self, size: int, mapped: int = 1, freeOnDelete: int = 1) -> None:  # noqa: N803
        if size < 0:
            raise Exception(SAYS + "cudaMemory.__init()__ had invalid size")
        pointer = world.gpu.alloc(size, mapped=mapped > 0, clear=True)
        self._settle(pointer, size, mapped > 0, freeOnDelete > 0)

    def _settle(self, pointer: int, size: int, mapped: bool, free: bool) -> None:
        self._ptr, self._size, self._mapped, self._free = pointer, size, mapped, free
        self._stream: int = 0
        self._event: int = 0

    @property
    def ptr(self) -> int:
        return self._ptr

    @property
    def gpudata(self) -> int:
        return self._ptr

    @property
    def size(self) -> int:
        return self._size

    @property
    def mapped(self) -> bool:
        return self._mapped

    @property
    def freeOnDelete(self) -> bool:  # noqa: N802
        return self._free

    @property
    def stream(self) -> int:
        return self._stream

    @stream.setter
    def stream(self, value: int | None) -> None:
        self._stream = int(value or 0)

    @property
    def event(self) -> int:
        return self._event

    @event.setter
    def event(self, value: int | None) -> None:
        self._event = int(value or 0)

    def __del__(self) -> None:
        if getattr(self, "_free", False):
            world.gpu.free(self._ptr)


class cudaImage(cudaMemory):  # noqa: N801
    """CUDA image: a size and a format over memory of its own or, with ``ptr``, of somebody else."""

    def __init__(
        self,
        width: int,
        height: int,
        format: str = "rgb8",  # noqa: A002
        timestamp: int = 0,
        mapped: int = -1,
        freeOnDelete: int = -1,  # noqa: N803
        ptr: int = 0,
        like: cudaImage | None = None,
    ) -> None:
        if like is not None:
            width, height, format = like.width, like.height, like.format  # noqa: A001
        if format not in FORMATS:
            raise Exception(SAYS + "cudaImage.__init()__ had invalid image format")
        if width < 0 or height < 0:
            raise Exception(SAYS + "cudaImage.__init()__ had invalid width/height")
        if timestamp < 0:
            raise Exception(SAYS + "cudaImage.__init()__ had invalid timestamp")
        own = ptr == 0
        is_mapped = (int(mapped) if mapped >= 0 else int(own)) > 0
        free = (freeOnDelete if freeOnDelete >= 0 else int(own)) > 0
        size = format_size(format, width, height)
        pointer = ptr or world.gpu.alloc(size, mapped=is_mapped, clear=True)
        self._shape_as(pointer, width, height, format, timestamp, is_mapped, free)

    def _shape_as(
        self, pointer: int, width: int, height: int, name: str, timestamp: int, mapped: bool, free: bool
    ) -> None:
        self._settle(pointer, format_size(name, width, height), mapped, free)
        self._width, self._height, self._format, self._timestamp = width, height, name, timestamp
        self._dict: dict[str, Any] | None = None

    @property
    def width(self) -> int:
        return self._width

    @property
    def height(self) -> int:
        return self._height

    @property
    def channels(self) -> int:
        return FORMATS[self._format][1]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._height, self._width, self.channels

    @property
    def format(self) -> str:
        return self._format

    @property
    def timestamp(self) -> int:
        return self._timestamp

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self._dict is None:
            world.leaks.append("array interface")  # the dict is never given back (PyCudaImage_GetCudaArrayInterface)
            kind = "<" + FORMATS[self._format][2]
            self._dict = {"shape": self.shape, "typestr": kind, "data": (self._ptr, False), "version": 3}
        return self._dict

    @property
    def __array_interface__(self) -> dict[str, Any] | None:
        return self.__cuda_array_interface__ if self._mapped else None

    def _view(self) -> NDArray[Any]:
        if not self._mapped:
            raise BufferError("cudaImage - buffer must be allocated as mapped to view as buffer")
        seen = world.gpu.seen(self._ptr, self._size)
        return seen.view(FORMATS[self._format][2]).reshape(self.shape)

    if sys.version_info >= (3, 12):

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(self._view())
    else:  # a class may only offer the buffer protocol from 3.12 on (PEP 688); NumPy takes this in its place

        @property
        def __array_struct__(self) -> object:
            return self._view().__array_struct__

    def __len__(self) -> int:
        return self._width * self._height


def registered(
    pointer: int, width: int, height: int, name: str, timestamp: int, *, mapped: bool, free: bool = True
) -> cudaImage:
    """An image over memory that exists (PyCUDA_RegisterImage)."""
    image = cudaImage.__new__(cudaImage)
    image._shape_as(pointer, width, height, name, timestamp, mapped, free)
    return image


def pixels(pointer: int, width: int, height: int, name: str) -> NDArray[Any]:
    """What the processor sees of an image: (H, W, C), writable."""
    _, channels, kind = FORMATS[name]
    return world.gpu.bytes(pointer, format_size(name, width, height)).view(kind).reshape(height, width, channels)
