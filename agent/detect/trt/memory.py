"""Memory that this process and the GPU both see, and the order in which the GPU works: streams and events.

On a Jetson both share one memory: a mapped block needs no copying, the GPU reads what was written and the CPU reads
what the GPU wrote once an event says so. Everything here comes from jetson-utils, or from the CUDA runtime itself where
jetson-utils is not installed; pycuda is not needed. Knows no numpy.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from agent.detect.trt.cudart import Cudart
from agent.detect.trt.jetson_api import JetsonBlock, JetsonUtils
from agent.errors import ModelError

log = logging.getLogger(__name__)


class Block(Protocol):
    """A block of mapped memory.

    Attributes:
        address: where the GPU sees it.
        host: where this process sees it.
        nbytes: how long it is.
    """

    address: int
    host: int
    nbytes: int

    def free(self) -> None:
        """Give it back; nothing may look at it any more. Never raises."""
        ...


class Memory(Protocol):
    """Where blocks, streams and events come from; all errors are ModelErrors."""

    def block(self, nbytes: int) -> Block:
        """Allocate mapped memory."""
        ...

    def stream(self) -> int:
        """Make a stream of its own that does not wait for the default one."""
        ...

    def event(self) -> int:
        """Make an event."""
        ...

    def record(self, event: int, stream: int) -> None:
        """Have ``event`` happen when ``stream`` has done all that it was given so far."""
        ...

    def wait(self, event: int) -> None:
        """Wait until ``event`` has happened; what the GPU wrote before it can then be read."""
        ...

    def drain(self, stream: int) -> None:
        """Wait until ``stream`` has nothing left to do."""
        ...

    def copy(self, image: object, address: int, colour: str, stream: int) -> bool:
        """Have the GPU copy a picture to ``address``, in the order of ``colour``; False where that is not possible."""
        ...

    def close(self) -> None:
        """Destroy streams and events; never raises. Blocks are freed by themselves, before."""
        ...


class _JetsonMapped:
    def __init__(self, owner: JetsonBlock, nbytes: int) -> None:
        self._owner: JetsonBlock | None = owner
        self.address = self.host = owner.ptr  # jetson-utils refuses a mapping whose two addresses differ
        self.nbytes = nbytes

    def free(self) -> None:
        self._owner = None


class JetsonMemory:
    """Memory through jetson-utils, whose only exception is ``Exception`` itself."""

    def __init__(self, utils: JetsonUtils, subject: str) -> None:
        self._utils = utils
        self._subject = subject
        self._ends: list[tuple[Callable[[int], None], int]] = []

    def block(self, nbytes: int) -> Block:
        """See ``Memory``."""
        return _JetsonMapped(self._do("allocate", lambda: self._utils.cudaMallocMapped(size=nbytes)), nbytes)

    def stream(self) -> int:
        """See ``Memory``."""
        stream: int = self._do("make a stream", self._new_stream)
        self._ends.append((self._utils.cudaStreamDestroy, stream))
        return stream

    def event(self) -> int:
        """See ``Memory``."""
        event: int = self._do("make an event", self._utils.cudaEventCreate)
        self._ends.append((self._utils.cudaEventDestroy, event))
        return event

    def record(self, event: int, stream: int) -> None:
        """See ``Memory``."""
        self._do("record an event", lambda: self._utils.cudaEventRecord(event, stream))

    def wait(self, event: int) -> None:
        """See ``Memory``."""
        self._do("wait for the GPU", lambda: self._utils.cudaEventSynchronize(event))

    def drain(self, stream: int) -> None:
        """See ``Memory``."""
        self._do("wait for the GPU", lambda: self._utils.cudaStreamSynchronize(stream))

    def copy(self, image: Any, address: int, colour: str, stream: int) -> bool:
        """See ``Memory``; the picture must be left alone until the stream has come past this."""
        utils, form = self._utils, f"{colour.lower()}8"
        if getattr(image, "format", "") not in ("bgr8", "rgb8"):
            return False
        place = utils.cudaImage(width=image.width, height=image.height, format=form, ptr=address)
        if image.format == form:
            self._do("copy a picture", lambda: utils.cudaMemcpy(place, image, stream=stream))
        else:
            self._do("convert a picture", lambda: utils.cudaConvertColor(image, place, stream=stream))
        return True

    def close(self) -> None:
        """See ``Memory``."""
        for end, thing in reversed(self._ends):
            with contextlib.suppress(Exception):
                end(thing)
        self._ends.clear()

    def _new_stream(self) -> int:
        try:
            return self._utils.cudaStreamCreate(nonblocking=True)
        except TypeError:  # builds of June 2024 know no such keyword, and make no other streams
            return self._utils.cudaStreamCreate()

    def _do(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  # jetson-utils raises nothing narrower
            _refuse(self._subject, what, str(error), error)


class _RuntimeMapped:
    def __init__(self, library: Cudart, host: int, address: int, nbytes: int) -> None:
        self._library = library
        self.host, self.address, self.nbytes = host, address, nbytes

    def free(self) -> None:
        if self.host:
            self._library.cudaFreeHost(ctypes.c_void_p(self.host))
            self.host = self.address = 0


class RuntimeMemory:
    """Memory through the CUDA runtime; whoever waits for an event sleeps, where jetson-utils' events spin."""

    _MAPPED, _NON_BLOCKING, _SLEEP_UNTIMED = 0x2, 0x1, 0x1 | 0x2

    def __init__(self, library: Cudart, subject: str) -> None:
        self._library = library
        self._subject = subject
        self._ends: list[tuple[Callable[[Any], int], int]] = []

    def block(self, nbytes: int) -> Block:
        """See ``Memory``."""
        host, address = ctypes.c_void_p(), ctypes.c_void_p()
        self._do("allocate", self._library.cudaHostAlloc(ctypes.byref(host), nbytes, self._MAPPED))
        code = self._library.cudaHostGetDevicePointer(ctypes.byref(address), host, 0)
        block = _RuntimeMapped(self._library, host.value or 0, address.value or 0, nbytes)
        if code:
            block.free()
        self._do("map memory", code)
        return block

    def stream(self) -> int:
        """See ``Memory``."""
        handle = ctypes.c_void_p()
        code = self._library.cudaStreamCreateWithFlags(ctypes.byref(handle), self._NON_BLOCKING)
        self._do("make a stream", code)
        self._ends.append((self._library.cudaStreamDestroy, handle.value or 0))
        return handle.value or 0

    def event(self) -> int:
        """See ``Memory``."""
        handle = ctypes.c_void_p()
        code = self._library.cudaEventCreateWithFlags(ctypes.byref(handle), self._SLEEP_UNTIMED)
        self._do("make an event", code)
        self._ends.append((self._library.cudaEventDestroy, handle.value or 0))
        return handle.value or 0

    def record(self, event: int, stream: int) -> None:
        """See ``Memory``."""
        self._do("record an event", self._library.cudaEventRecord(ctypes.c_void_p(event), ctypes.c_void_p(stream)))

    def wait(self, event: int) -> None:
        """See ``Memory``."""
        self._do("wait for the GPU", self._library.cudaEventSynchronize(ctypes.c_void_p(event)))

    def drain(self, stream: int) -> None:
        """See ``Memory``."""
        self._do("wait for the GPU", self._library.cudaStreamSynchronize(ctypes.c_void_p(stream)))

    def copy(self, image: object, address: int, colour: str, stream: int) -> bool:
        """See ``Memory``; pictures that the GPU can read are jetson-utils' own, so there are none here."""
        del image, address, colour, stream
        return False

    def close(self) -> None:
        """See ``Memory``."""
        for end, handle in reversed(self._ends):
            end(ctypes.c_void_p(handle))
        self._ends.clear()

    def _do(self, what: str, code: int) -> None:
        if code:
            words = self._library.cudaGetErrorString(code)
            _refuse(self._subject, what, f"CUDA error {code}, {words.decode('ascii', 'replace')}", None)


def _refuse(subject: str, what: str, reason: str, cause: Exception | None) -> NoReturn:
    fragmented = "free memory or reboot (memory of a Jetson can be too fragmented)"
    remedy = fragmented if what == "allocate" else "restart the program"
    raise ModelError(subject, f"the GPU cannot {what}: {' '.join(reason.split())[:300]}; {remedy}") from cause
