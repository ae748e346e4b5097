"""Streams and events; names and keywords as in python/bindings/PyCUDA.cpp."""

from __future__ import annotations

from ._bench import world
from ._gpu import LEGACY


def cudaStreamCreate(nonblocking: bool = False, priority: int = 0) -> int:  # noqa: N802
    """A new stream; blocking towards the default stream unless told otherwise. (Builds of June 2024 called the
    keyword ``blocking`` and meant the contrary.)"""
    del priority
    return world.gpu.create_stream(blocking=not nonblocking)


def cudaStreamDestroy(stream: int, /) -> None:  # noqa: N802
    world.gpu.destroy_stream(stream)


def cudaStreamSynchronize(stream: int, /) -> None:  # noqa: N802
    world.gpu.wait(stream)


def cudaStreamWaitEvent(stream: int, event: int, /) -> None:  # noqa: N802
    world.gpu.hold_for(stream, event)


def cudaEventCreate() -> int:  # noqa: N802
    return world.gpu.create_event()


def cudaEventDestroy(event: int, /) -> None:  # noqa: N802
    world.gpu.destroy_event(event)


def cudaEventRecord(event: int = 0, stream: int = LEGACY) -> int:  # noqa: N802
    event = event or world.gpu.create_event()
    world.gpu.record(event, stream)
    return event


def cudaEventQuery(event: int, /) -> bool:  # noqa: N802
    return world.gpu.reached(event)


def cudaEventElapsedTime(start: int, end: int, /) -> float:  # noqa: N802
    return 0.0 if world.gpu.reached(start) and world.gpu.reached(end) else -1.0


def cudaEventSynchronize(event: int, /) -> None:  # noqa: N802
    world.gpu.wait_event(event)


def cudaDeviceSynchronize() -> None:  # noqa: N802
    world.gpu.wait_all()
