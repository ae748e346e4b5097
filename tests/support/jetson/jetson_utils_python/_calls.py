"""Allocating, copying, converting; names and keywords as in python/bindings/PyCUDA.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bench import world
from ._gpu import error
from ._image import FORMATS, SAYS, cudaImage, cudaMemory, format_size, pixels, registered


def _registered_memory(pointer: int, size: int, *, mapped: bool) -> cudaMemory:
    memory = cudaMemory.__new__(cudaMemory)
    memory._settle(pointer, size, mapped, True)
    return memory


def _allocated(
    call: str, size: int, width: float, height: float, name: str | None, timestamp: int, like: Any, *, mapped: bool,
    clear: bool = True,
) -> cudaMemory:  # fmt: skip
    if isinstance(like, cudaImage):
        width, height, name, timestamp = like.width, like.height, like.format, like.timestamp
    elif isinstance(like, cudaMemory):
        size = like.size
    elif like is not None:
        raise Exception(SAYS + "the 'like' object should be of type cudaImage or cudaMemory")
    if size <= 0 and (width <= 0 or height <= 0):
        raise Exception(SAYS + f"{call}() requested size/dimensions are negative or zero")
    if timestamp < 0:
        raise Exception(SAYS + f"{call}() timestamp cannot be negative")
    if size >= 1 << 31:
        raise OverflowError("signed integer is greater than maximum")
    if width <= 0 or height <= 0:
        pointer = world.gpu.alloc(size, mapped=mapped, clear=clear, call=f"{call}(&ptr, size)")
        return _registered_memory(pointer, size, mapped=mapped)
    if name not in FORMATS:
        raise Exception(SAYS + f"{call}() invalid format string")
    size = format_size(name, int(width), int(height))
    pointer = world.gpu.alloc(size, mapped=mapped, clear=clear, call=f"{call}(&ptr, size)")
    return registered(pointer, int(width), int(height), name, timestamp, mapped=mapped)


def cudaMalloc(  # noqa: N802
    size: int = 0,
    width: int = 0,
    height: int = 0,
    format: str | None = None,  # noqa: A002
    timestamp: int = 0,
    like: Any = None,
) -> cudaMemory:
    """Memory of the device alone."""
    return _allocated("cudaMalloc", size, width, height, format, timestamp, like, mapped=False)


def cudaMallocMapped(  # noqa: N802
    size: int = 0,
    width: float = 0,
    height: float = 0,
    format: str | None = None,  # noqa: A002
    timestamp: int = 0,
    like: Any = None,
    clear: bool = True,
) -> cudaMemory:
    """Memory that both the program and the device see."""
    return _allocated("cudaMallocMapped", size, width, height, format, timestamp, like, mapped=True, clear=bool(clear))


cudaAllocMapped = cudaMallocMapped  # noqa: N816


def cudaMemcpy(dst: Any, src: Any = None, mapped: bool = True, stream: int = 0) -> cudaMemory | None:  # noqa: N802
    """Copy device to device, equal sizes; with one argument into new memory, which is given back."""
    if src is None:
        dst, src = None, dst
    if not isinstance(src, cudaMemory):
        raise Exception(SAYS + "src should either be a cudaImage or cudaMemory")
    made = None
    if dst is None:
        pointer = world.gpu.alloc(src.size, mapped=bool(mapped))
        if isinstance(src, cudaImage):
            made = registered(pointer, *_like(src), mapped=bool(mapped))
        else:
            made = _registered_memory(pointer, src.size, mapped=bool(mapped))
        dst = made
    if not isinstance(dst, cudaMemory):
        raise Exception(SAYS + "dst should either be a cudaImage or cudaMemory")
    if src.size != dst.size:
        raise TypeError(SAYS + "src and dst need to have the same size")
    if isinstance(src, cudaImage) and isinstance(dst, cudaImage):
        dst._timestamp = src.timestamp
    source, target, size = src.ptr, dst.ptr, src.size
    call = "cudaMemcpyAsync(dst_mem->ptr, src_mem->ptr, src_mem->size, cudaMemcpyDeviceToDevice, stream)"
    world.gpu.enqueue(stream, lambda: _copy(target, source, size), call)
    return made


def _copy(target: int, source: int, size: int) -> None:
    world.gpu.bytes(target, size)[:] = world.gpu.bytes(source, size)


def _like(image: cudaImage) -> tuple[int, int, str, int]:
    return image.width, image.height, image.format, image.timestamp


def cudaConvertColor(input: Any, output: Any, stream: int = 0) -> None:  # noqa: A002, N802
    """Convert between formats; from RGB there is no way to NV12 (cuda/cudaColorspace.cu)."""
    source, target = _pair("cudaConvertColor", input, output)
    if (source.width, source.height) != (target.width, target.height):
        raise Exception(SAYS + "cudaConvertColor() input and output image resolutions are different")
    if "nv12" in (source.format, target.format):
        raise error(1, "cudaConvertColor(input->base.ptr, ...)")
    a, b = (source.ptr, *_like(source)[:3]), (target.ptr, *_like(target)[:3])
    world.gpu.enqueue(stream, lambda: np.copyto(pixels(*b), convert(pixels(*a), a[3], b[3])))
    target._timestamp = source.timestamp


def convert(picture: NDArray[Any], source: str, target: str) -> NDArray[Any]:
    """An image in another format."""
    if target.startswith("gray"):
        rgb = picture[..., 2::-1] if source.startswith("bgr") else picture[..., :3]
        out = (rgb @ np.float32([0.2989, 0.5870, 0.1140]))[..., None] if picture.shape[2] > 1 else picture
    else:
        out = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture[..., :3]
        if source[:3] in ("rgb", "bgr") and source[:3] != target[:3]:
            out = out[..., ::-1]
        if FORMATS[target][1] == 4:
            alpha = picture[..., 3:] if picture.shape[2] == 4 else np.full((*picture.shape[:2], 1), 255, picture.dtype)
            out = np.concatenate([out, alpha], axis=2)
    kind = np.dtype(FORMATS[target][2])
    return out.clip(0, 255).astype(kind) if kind == np.uint8 else out.astype(kind)


def cudaResize(input: Any, output: Any, filter: str = "point", stream: int = 0) -> None:  # noqa: A002, N802
    """Resize. When it shrinks in both axes it takes single points whatever was asked for (cuda/cudaResize.cu)."""
    source, target = _pair("cudaResize", input, output)
    if source.format != target.format:
        raise Exception(SAYS + "cudaResize() input and output image formats are different")
    shrinks = target.width < source.width and target.height < source.height
    linear = filter == "linear" and not shrinks
    a, b = (source.ptr, *_like(source)[:3]), (target.ptr, *_like(target)[:3])
    world.gpu.enqueue(stream, lambda: np.copyto(pixels(*b), _resized(pixels(*a), b[1], b[2], linear=linear)))
    target._timestamp = source.timestamp


def _resized(picture: NDArray[Any], width: int, height: int, *, linear: bool) -> NDArray[Any]:
    rows = np.arange(height) * (picture.shape[0] / height)
    columns = np.arange(width) * (picture.shape[1] / width)
    if not linear:
        return picture[rows.astype(int)][:, columns.astype(int)]
    top, left = rows.astype(int), columns.astype(int)
    down, right = np.minimum(top + 1, picture.shape[0] - 1), np.minimum(left + 1, picture.shape[1] - 1)
    y, x = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = picture[top][:, left] * (1 - x) + picture[top][:, right] * x
    lower = picture[down][:, left] * (1 - x) + picture[down][:, right] * x
    return (upper * (1 - y) + lower * y).astype(picture.dtype)


def cudaCrop(  # noqa: N802
    input: Any,  # noqa: A002
    output: Any,
    roi: tuple[float, float, float, float],
    stream: int = 0,
) -> None:
    """Cut out (left, top, right, bottom) into the upper left corner of ``output``."""
    source, target = _pair("cudaCrop", input, output)
    if source.format != target.format:
        raise Exception(SAYS + "cudaCrop() input and output image formats are different")
    left, top, right, bottom = roi
    wide, high = right - left, bottom - top
    fits = wide <= target.width and high <= target.height and right <= source.width and bottom <= source.height
    if min(roi) < 0 or wide <= 0 or high <= 0 or not fits:
        raise ValueError(SAYS + "cudaCrop() had an invalid ROI")
    a, b = (source.ptr, *_like(source)[:3]), (target.ptr, *_like(target)[:3])
    box = (slice(int(top), int(bottom)), slice(int(left), int(right)))

    def job() -> None:
        cut = pixels(*a)[box]
        pixels(*b)[: cut.shape[0], : cut.shape[1]] = cut

    world.gpu.enqueue(stream, job)
    target._timestamp = source.timestamp


def _pair(call: str, source: Any, target: Any) -> tuple[cudaImage, cudaImage]:
    if not isinstance(source, cudaImage) or not isinstance(target, cudaImage):
        raise Exception(SAYS + f"{call}() failed to get input/output image pointers (should be cudaImage)")
    return source, target
