"""The graphics processor of the fake: memory that knows who may touch it, and streams that run nothing too early.

Worst case by design: work that was enqueued runs only when somebody waits for it, so whoever reads a result without
waiting reads what was there before. Freed memory is filled with POISON and kept, so a stale view reads poison and a
stale write is found by ``Gpu.verify``. Memory of the device is not what lies at its address: the processor
(``Gpu.bytes``) sees the real bytes, a program that reads through the pointer sees DECOY, where a real one is killed.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

POISON = 0xDB
DECOY = 0xDD
FRESH = 0xCD  # cudaMalloc clears nothing
LEGACY = 0  # the default stream
GRAVE_BYTES = 256 << 20  # of freed memory that is still watched

NAMES = {
    1: "invalid argument",
    2: "out of memory",
    400: "invalid resource handle",
    700: "an illegal memory access was encountered",
}


def error(number: int, call: str) -> Exception:
    """A failed CUDA call as the bindings raise it: a bare Exception (PyCUDA.h, PYCUDA_CHECK)."""
    return Exception(f'CUDA error ({number}) - {NAMES[number]}\n  File "PyCUDA.cpp", line 1\n    {call}')


@dataclass(eq=False)
class Block:
    """One allocation; ``seen`` lies at its address, ``real`` is what the processor works on."""

    base: int
    size: int
    mapped: bool
    seen: NDArray[np.uint8]
    real: NDArray[np.uint8]


@dataclass(eq=False)
class _Stream:
    blocking: bool
    jobs: list[Callable[[], None]] = field(default_factory=list)
    done: int = 0


@dataclass(eq=False)
class _Event:
    stream: int = LEGACY
    upto: int = -1  # -1: never recorded, counts as over


class Gpu:
    """One device.

    Attributes:
        faults: what would have crashed or corrupted a real program, in words; empty in a sound one.
        limit_bytes: of all live allocations; beyond it ``cudaMalloc`` is out of memory.
        allocated, freed: counts of allocations.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.limit_bytes = 4 << 30
        self.allocated = self.freed = 0
        self._lock = threading.RLock()
        self._bases: list[int] = []
        self._blocks: dict[int, Block] = {}
        self._grave: list[Block] = []
        self._streams: dict[int, _Stream] = {LEGACY: _Stream(blocking=True)}
        self._events: dict[int, _Event] = {}
        self._handle = 0x5000
        self._sticky: int | None = None

    # --- memory ---

    @property
    def live_bytes(self) -> int:
        """Bytes allocated and not freed."""
        with self._lock:
            return sum(block.size for block in self._blocks.values())

    def alloc(self, size: int, *, mapped: bool, clear: bool = False, call: str = "cudaMalloc(&ptr, size)") -> int:
        """Allocate; gives the address."""
        with self._lock:
            if self.live_bytes + size > self.limit_bytes:
                raise error(2, call)
            seen = np.full(max(1, size), 0 if clear and mapped else FRESH if mapped else DECOY, np.uint8)
            real = seen if mapped else np.full(max(1, size), FRESH, np.uint8)
            block = Block(int(seen.ctypes.data), size, mapped, seen, real)
            bisect.insort(self._bases, block.base)
            self._blocks[block.base] = block
            self.allocated += 1
            return block.base

    def free(self, base: int) -> None:
        """Give an allocation back; what still looks at it sees poison from now on."""
        with self._lock:
            block = self._blocks.pop(base, None)
            if block is None:
                self.faults.append(f"freed twice, or never allocated: {base:#x}")
                return
            self._bases.remove(base)
            block.seen[:] = POISON
            block.real[:] = POISON
            self._grave.append(block)
            self.freed += 1
            while sum(dead.size for dead in self._grave) > GRAVE_BYTES:
                self._grave.pop(0)

    def bytes(self, pointer: int, size: int) -> NDArray[np.uint8]:
        """What the processor sees at an address, anywhere inside a live allocation: (size,) uint8, writable.

        Raises:
            Exception: CUDA error 700, when any of it is not allocated (any more).
        """
        with self._lock:
            at = bisect.bisect_right(self._bases, pointer) - 1
            block = self._blocks[self._bases[at]] if at >= 0 else None
            if block is None or pointer + size > block.base + block.size:
                self.faults.append(f"illegal access to {size} bytes at {pointer:#x}")
                raise error(700, "kernel")
            start = pointer - block.base
            return block.real[start : start + size]

    def seen(self, pointer: int, size: int) -> NDArray[np.uint8]:
        """What a program sees at an address, allocated or freed: (size,) uint8; keeps the memory from vanishing."""
        with self._lock:
            for block in (*self._blocks.values(), *reversed(self._grave)):
                if block.base <= pointer and pointer + size <= block.base + block.size:
                    return block.seen[pointer - block.base : pointer - block.base + size]
        raise error(1, "buffer")

    def alive(self, pointer: int) -> bool:
        """Whether an address lies in a live allocation."""
        with self._lock:
            at = bisect.bisect_right(self._bases, pointer) - 1
            return at >= 0 and pointer < self._bases[at] + self._blocks[self._bases[at]].size

    def mapped(self, pointer: int) -> bool:
        """Whether an address lies in memory that the program may read, too."""
        with self._lock:
            at = bisect.bisect_right(self._bases, pointer) - 1
            return at >= 0 and self._blocks[self._bases[at]].mapped and self.alive(pointer)

    def verify(self) -> list[str]:
        """Look for writes to freed memory; gives all faults there ever were."""
        with self._lock:
            for block in self._grave:
                if (block.seen != POISON).any() or (block.real != POISON).any():
                    self.faults.append(f"written to after it was freed: {block.base:#x}")
                    block.seen[:] = POISON
                    block.real[:] = POISON
            return list(self.faults)

    # --- streams and events ---

    def create_stream(self, *, blocking: bool) -> int:
        with self._lock:
            self._handle += 16
            self._streams[self._handle] = _Stream(blocking)
            return self._handle

    def destroy_stream(self, handle: int) -> None:
        with self._lock:
            stream = self._stream(handle, "cudaStreamDestroy(stream)")
            self._run(handle, len(stream.jobs))
            del self._streams[handle]

    def enqueue(self, handle: int, job: Callable[[], None], call: str = "kernel") -> None:
        """Put work on a stream; it runs when somebody waits for it. Stream 0 waits for all blocking streams and they
        for it, as CUDA's legacy default stream does."""
        with self._lock:
            stream = self._stream(handle, call)
            for other, there in self._streams.items():
                if other != handle and LEGACY in (handle, other) and stream.blocking and there.blocking:
                    stream.jobs.append(self._upto(other, len(there.jobs)))
            stream.jobs.append(job)

    def wait(self, handle: int, call: str = "cudaStreamSynchronize(stream)") -> None:
        """Wait for everything on a stream.

        Raises:
            Exception: CUDA error, sticky: work on this device has failed.
        """
        with self._lock:
            self._run(handle, len(self._stream(handle, call).jobs))
            self._raise(call)

    def wait_all(self) -> None:
        with self._lock:
            for handle in list(self._streams):
                self._run(handle, len(self._streams[handle].jobs))
            self._raise("cudaDeviceSynchronize()")

    def create_event(self) -> int:
        with self._lock:
            self._handle += 16
            self._events[self._handle] = _Event()
            return self._handle

    def destroy_event(self, handle: int) -> None:
        with self._lock:
            self._event(handle, "cudaEventDestroy(event)")
            del self._events[handle]

    def record(self, handle: int, stream: int) -> None:
        with self._lock:
            upto = len(self._stream(stream, "cudaEventRecord(event, stream)").jobs)
            event = self._event(handle, "cudaEventRecord(event, stream)")
            event.stream, event.upto = stream, upto

    def reached(self, handle: int) -> bool:
        with self._lock:
            event = self._event(handle, "cudaEventQuery(event)")
            return event.stream not in self._streams or self._streams[event.stream].done >= event.upto

    def wait_event(self, handle: int) -> None:
        with self._lock:
            event = self._event(handle, "cudaEventSynchronize(event)")
            if event.stream in self._streams:
                self._run(event.stream, event.upto)
            self._raise("cudaEventSynchronize(event)")

    def hold_for(self, stream: int, handle: int) -> None:
        """Let a stream wait for an event (cudaStreamWaitEvent)."""
        with self._lock:
            event = self._event(handle, "cudaStreamWaitEvent(stream, event)")
            self._stream(stream, "cudaStreamWaitEvent(stream, event)").jobs.append(self._upto(event.stream, event.upto))

    def _upto(self, handle: int, upto: int) -> Callable[[], None]:
        return lambda: self._run(handle, upto) if handle in self._streams else None

    def _run(self, handle: int, upto: int) -> None:
        stream = self._streams[handle]
        while stream.done < min(upto, len(stream.jobs)):
            job = stream.jobs[stream.done]
            stream.done += 1
            try:
                job()
            except Exception as failure:  # noqa: BLE001 - whatever fails there, the device is lost
                self.faults.append(f"work on stream {handle:#x} failed: {str(failure).splitlines()[0]}")
                self._sticky = 700
            stream.jobs[stream.done - 1] = _over

    def _raise(self, call: str) -> None:
        if self._sticky is not None:
            raise error(self._sticky, call)

    def _stream(self, handle: int, call: str) -> _Stream:
        if handle not in self._streams:
            raise error(400, call)
        return self._streams[handle]

    def _event(self, handle: int, call: str) -> _Event:
        if handle not in self._events:
            raise error(400, call)
        return self._events[handle]


def _over() -> None:
    """Stands in for work that is done, and lets go of what it held."""
