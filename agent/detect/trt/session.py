"""A plan in memory, and its way to run: two sets of buffers that the GPU and this process share, one stream."""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.engine import PlanRefused, Tensor, TensorSpec
from agent.detect.trt.api import CudaEngine, ExecutionContext, Runtime, TensorRt
from agent.detect.trt.builder import OUTPUTS, dtype_name, lengths
from agent.detect.trt.library import listen, made
from agent.detect.trt.memory import Block, Memory
from agent.errors import ModelError

_DTYPES = {"UINT8": "uint8", "FLOAT": "float32", "HALF": "float16", "INT32": "int32", "INT64": "int64"}
_NO_MEMORY = ("out of memory", "outofmemory", "could not be allocated", "memoryallocation")
_SETS = 2
_PAD = 114  # what a slot holds before its first picture; a model for a fixed number of pictures is given all its slots


@dataclass(frozen=True, slots=True)
class _End:
    """One input or output; ``spec.shape`` begins with None where the model takes any number of pictures."""

    spec: TensorSpec
    most: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return max(1, prod(self.most) * np.dtype(self.spec.dtype).itemsize)


@dataclass(eq=False)
class _Buffers:
    """What one call reads and writes; in use from ``submit`` until the set's next turn."""

    blocks: dict[str, Block]
    views: dict[str, NDArray[Any]]
    event: int


class Session:
    """A loaded plan. One thread at a time uses it.

    Everything that TensorRT must not lose before the context (library, logger, runtime, engine) is held here, and given
    back in the opposite order.
    """

    def __init__(self, trt: TensorRt, subject: str, plan: bytes, memory: Memory) -> None:
        """Load ``plan``; takes over ``memory``.

        Raises:
            PlanRefused: it does not load on this TensorRT and GPU.
            ModelError: there is no memory for it, which building it again would not mend, or it is no baked model.
            BackendMissing: there is no usable GPU.
        """
        self._subject = subject
        self._memory = memory
        self._logger, self._ears = listen(trt)
        self._ears.reason("")
        self._turn = 0
        self._sent: deque[tuple[_Buffers, int]] = deque()
        self._buffers: list[_Buffers] = []
        self._runtime: Runtime | None = None
        self._engine: CudaEngine | None = None
        self._context: ExecutionContext | None = None
        try:
            self._load(trt, plan)
        except BaseException:
            self.close()
            raise
        self.input = self._picture.spec
        self.outputs = tuple(end.spec for end in self._answers)
        self.max_batch = self._picture.most[0]

    def _load(self, trt: TensorRt, plan: bytes) -> None:
        # No local names: those of a frame that an error passed through live on, and would outlive the runtime.
        self._runtime = made(trt.Runtime, self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            reason = self._ears.reason("no reason given")
            if any(words in reason.lower() for words in _NO_MEMORY):
                remedy = "stop other programs or reboot (memory of a Jetson can be too fragmented)"
                raise ModelError(self._subject, f"there is no memory to load its engine: {reason}; {remedy}")
            raise PlanRefused(self._subject, f"its plan does not load on TensorRT {trt.__version__}: {reason}")
        self._picture, self._answers = _ends(trt, self._subject, self._engine)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise self._failed("has no memory to run in", "stop other programs or reboot")
        self._stream = self._memory.stream()
        for _ in range(_SETS):
            self._add_buffers()

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Run on a batch that lies elsewhere; see ``Engine.run``."""
        self.slots(len(batch))[...] = batch
        self.submit(len(batch))
        return self.collect()

    def slots(self, count: int) -> Tensor:
        """Give the places of the next ``count`` pictures, (count, H, W, 3) uint8, for ``submit`` to run on.

        The memory is the GPU's own input; it holds what an earlier call left there.

        Raises:
            ModelError: too many pictures, or two calls are on their way, so that the GPU may still read them.
        """
        self._check_open()
        if not 1 <= count <= self.max_batch:
            raise ModelError(self._subject, f"takes 1 to {self.max_batch} pictures a call, not {count}")
        self._check_free()
        return self._buffers[self._turn].views[self.input.name][:count]

    def take(self, image: object, slot: int, colour: str) -> bool:
        """See ``SlotEngine.take``; it is done on the session's own stream, so before the call that reads it."""
        self._check_open()
        self._check_free()
        block = self._buffers[self._turn].blocks[self.input.name]
        return self._memory.copy(image, block.address + slot * prod(self._picture.most[1:]), colour, self._stream)

    def submit(self, count: int) -> None:
        """Run on the first ``count`` slots; returns at once. At most two calls may be on their way.

        Raises:
            ModelError: TensorRT refuses.
        """
        context = self._check_open()
        self._check_free()
        buffers = self._buffers[self._turn]
        shape = (count if self.input.shape[0] is None else self.max_batch, *self._picture.most[1:])
        if not context.set_input_shape(self.input.name, shape):
            raise self._failed(f"refuses {count} pictures", "build its engine again: commune-agent model build")
        for name, block in buffers.blocks.items():
            if not context.set_tensor_address(name, block.address):
                raise self._failed(f"refuses the memory for {name}", "restart the program")
        if not context.execute_async_v3(self._stream):
            raise self._failed("does not run", "restart the program; reboot if it happens again")
        self._memory.record(buffers.event, self._stream)
        self._sent.append((buffers, count))
        self._turn = (self._turn + 1) % _SETS

    def collect(self) -> tuple[Tensor, ...]:
        """Wait for the oldest call on its way and give its answers: views, good until the next ``submit``.

        Raises:
            ModelError: the GPU failed; there is no other way out than a restart.
        """
        self._check_open()
        if not self._sent:
            raise ModelError(self._subject, "was asked for an answer without a question")
        buffers, count = self._sent.popleft()
        self._memory.wait(buffers.event)
        return tuple(buffers.views[spec.name][:count] for spec in self.outputs)

    def close(self) -> None:
        """Give everything back, last things first; never raises.

        Nothing of a call may be on its way when its memory goes: the stream is drained first.
        """
        if self._context is not None and self._buffers:
            with contextlib.suppress(ModelError):  # the GPU has failed already, and that was told
                self._memory.drain(self._stream)
        self._sent.clear()
        self._context = None
        self._engine = None
        self._runtime = None
        for buffers in self._buffers:
            buffers.views.clear()
            for block in buffers.blocks.values():
                block.free()
        self._buffers.clear()
        self._memory.close()

    def _check_open(self) -> ExecutionContext:
        if self._context is None:
            raise ModelError(self._subject, "was closed and cannot run; open the engine again")
        return self._context

    def _check_free(self) -> None:
        if len(self._sent) == _SETS:
            raise ModelError(self._subject, "has two calls on their way already; collect one first")

    def _failed(self, problem: str, remedy: str) -> ModelError:
        return ModelError(self._subject, f"{problem}: {self._ears.reason('TensorRT gives no reason')}; {remedy}")

    def _add_buffers(self) -> None:
        buffers = _Buffers({}, {}, self._memory.event())
        self._buffers.append(buffers)  # first, so that a failure in the middle frees what there is
        for end in (self._picture, *self._answers):
            block = buffers.blocks[end.spec.name] = self._memory.block(end.nbytes)
            buffers.views[end.spec.name] = _view(block, end)
        buffers.views[self._picture.spec.name][...] = _PAD


def _view(block: Block, end: _End) -> NDArray[Any]:
    """Look at a block as an array; the view does not keep the block."""
    raw = np.ctypeslib.as_array((ctypes.c_ubyte * block.nbytes).from_address(block.host))
    return raw.view(end.spec.dtype)[: prod(end.most)].reshape(end.most)


def _ends(trt: TensorRt, subject: str, engine: CudaEngine) -> tuple[_End, tuple[_End, ...]]:
    """Give the input, and the outputs of a baked model in their order."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    if len(inputs) != 1 or not set(OUTPUTS) <= set(names):
        raise ModelError(subject, f"has {', '.join(names)} and is no baked model: commune-agent model bake")
    shape = lengths(engine.get_tensor_shape(inputs[0]))
    most = shape[0] if shape[0] > 0 else lengths(engine.get_tensor_profile_shape(inputs[0], 0)[2])[0]
    return _end(subject, engine, inputs[0], most), tuple(_end(subject, engine, name, most) for name in OUTPUTS)


def _end(subject: str, engine: CudaEngine, name: str, most: int) -> _End:
    shape = lengths(engine.get_tensor_shape(name))
    dtype = dtype_name(engine.get_tensor_dtype(name))
    if any(length < 1 for length in shape[1:]) or dtype not in _DTYPES:
        raise ModelError(subject, f"leaves the size of {name} open or gives it in {dtype}; bake it again")
    first = None if shape[0] < 0 else shape[0]
    return _End(TensorSpec(name, (first, *shape[1:]), _DTYPES[dtype]), (most, *shape[1:]))
