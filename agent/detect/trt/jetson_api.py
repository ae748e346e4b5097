"""The part of ``jetson_utils_python`` (jetson-utils) that engines use, as types: nothing beyond it passes mypy."""

# ruff: noqa: D102, N802  # NVIDIA documents its names, and gave them

from __future__ import annotations

from typing import Any, Protocol


class JetsonBlock(Protocol):
    """``cudaMemory`` of jetson-utils; freed with the object."""

    @property
    def ptr(self) -> int: ...


class JetsonImage(Protocol):
    """``cudaImage`` of jetson-utils."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def format(self) -> str: ...


class JetsonImageClass(Protocol):
    """Looks at memory as an image; does not free it."""

    def __call__(self, *, width: int, height: int, format: str, ptr: int) -> JetsonImage: ...  # noqa: A002


class JetsonUtils(Protocol):
    """The part of ``jetson_utils_python`` that is used here."""

    @property
    def cudaImage(self) -> JetsonImageClass: ...

    def cudaMemcpy(self, dst: JetsonImage, src: JetsonImage, *, stream: int) -> Any: ...

    def cudaConvertColor(self, input: JetsonImage, output: JetsonImage, *, stream: int) -> None: ...  # noqa: A002

    def cudaMallocMapped(self, *, size: int) -> JetsonBlock: ...

    def cudaStreamCreate(self, *, nonblocking: bool = ...) -> int: ...

    def cudaStreamDestroy(self, stream: int, /) -> None: ...

    def cudaStreamSynchronize(self, stream: int, /) -> None: ...

    def cudaEventCreate(self) -> int: ...

    def cudaEventDestroy(self, event: int, /) -> None: ...

    def cudaEventRecord(self, event: int, stream: int, /) -> Any: ...

    def cudaEventSynchronize(self, event: int, /) -> None: ...
