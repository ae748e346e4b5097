"""Runtime, engine and context."""

from __future__ import annotations

import json
import weakref
from math import prod
from typing import Any

import numpy as np
import onnxruntime as ort

from ._bench import bench
from ._build import DTYPES, MAGIC, Dims, session
from ._enums import DataType, TensorIOMode
from ._talk import ILogger, attach, error

_NUMPY = {"FLOAT": "f4", "HALF": "f2", "UINT8": "u1", "INT32": "i4", "INT64": "i8"}


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        attach(logger)
        if not bench.arch:
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        if not serialized_engine.startswith(MAGIC):
            error("Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed: magic tag does not match")
            return None
        if bench.knob("load_fails"):
            error(bench.knob("load_fails"))
            return None
        head, _, model = serialized_engine.removeprefix(MAGIC).partition(b"\n")
        words = json.loads(head)
        if (words["version"], words["arch"]) != (bench.version, bench.arch) or not bench.knob("plans_load", True):
            error(f"The engine plan file is not compatible with this version of TensorRT, got {words['version']}")
            return None
        try:
            there = session(model)
        except Exception as failure:  # noqa: BLE001
            error(f"Serialization assertion failed: {failure}")
            return None
        return ICudaEngine(self, there, words["shapes"] or {})


class ICudaEngine:
    def __init__(self, runtime: Runtime, there: ort.InferenceSession, shapes: dict[str, Any]) -> None:
        self._runtime = weakref.ref(runtime)
        self._session = there
        self._shapes = shapes
        self._inputs = {node.name: node for node in there.get_inputs()}
        self._ends = self._inputs | {node.name: node for node in there.get_outputs()}

    def __del__(self) -> None:
        if self._runtime() is None:
            bench.faults.append("an engine outlived its runtime")

    @property
    def num_io_tensors(self) -> int:
        return len(self._ends)

    def get_tensor_name(self, index: int) -> str:
        return list(self._ends)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> Dims:
        return Dims(length if isinstance(length, int) else -1 for length in self._ends[name].shape)

    def get_tensor_dtype(self, name: str) -> DataType:
        return DTYPES[self._ends[name].type]

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        assert profile_index == 0
        return [Dims(shape) for shape in self._shapes[name]]

    def create_execution_context(self) -> IExecutionContext | None:
        if bench.refuses("create_execution_context"):
            error("CUDA error 2: out of memory")
            return None
        return IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = weakref.ref(engine)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def __del__(self) -> None:
        if self._engine() is None:
            bench.faults.append("a context outlived its engine")

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        engine = self._alive()
        low, _, high = engine._shapes.get(name) or [shape] * 3
        fits = all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True))
        fixed = all(
            -1 < 0 and n in (-1, s) for n, s in zip(_lengths(engine.get_tensor_shape(name)), shape, strict=True)
        )
        if bench.refuses("set_input_shape") or not fits or not fixed:
            error(f"Supplied binding dimension {shape} for {name} exceed min ~ max range at index 0")
            return False
        self._shapes[name] = tuple(shape)
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if bench.refuses("set_tensor_address") or name not in self._alive()._ends:
            error(f"Given invalid tensor name or address: {name}")
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        engine = self._alive()
        missing = [name for name in engine._ends if name not in self._addresses]
        if bench.refuses("execute_async_v3") or missing or set(engine._inputs) - set(self._shapes):
            error(f"Address is not set for tensors {missing}")
            return False
        if stream_handle == 0:
            bench.faults.append("the default stream: TensorRT synchronises the whole device around each call")
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        bench.gpu.enqueue(stream_handle, lambda: _compute(engine, shapes, addresses), "enqueueV3")
        return True

    def _alive(self) -> ICudaEngine:
        engine = self._engine()
        if engine is None:
            bench.faults.append("a context was used after its engine")
            raise SystemError("a real one crashes here")
        return engine


def _compute(engine: ICudaEngine, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
    feeds = {name: _array(engine, name, shape, addresses[name]) for name, shape in shapes.items()}
    names = [name for name in engine._ends if name not in feeds]
    for name, answer in zip(names, engine._session.run(names, feeds), strict=True):
        _array(engine, name, answer.shape, addresses[name])[...] = answer + np.asarray(
            bench.knob("crooked", 0), answer.dtype
        )


def _array(engine: ICudaEngine, name: str, shape: tuple[int, ...], address: int) -> Any:
    kind = np.dtype(_NUMPY[engine.get_tensor_dtype(name).name])
    return bench.gpu.bytes(address, prod(shape) * kind.itemsize).view(kind).reshape(shape)


def _lengths(dims: Dims) -> list[int]:
    return [dims[i] for i in range(len(dims))]
