"""Parser and builder."""

from __future__ import annotations

import json
import os
import signal
import time
import weakref
from pathlib import Path
from typing import Any

import onnxruntime as ort

from ._bench import bench
from ._enums import DataType, MemoryPoolType, Severity
from ._talk import ILogger, IProgressMonitor, attach, error, say

MAGIC = b"fake TensorRT plan\n"
DTYPES = {
    "tensor(float)": DataType.FLOAT,
    "tensor(float16)": DataType.HALF,
    "tensor(uint8)": DataType.UINT8,
    "tensor(int32)": DataType.INT32,
    "tensor(int64)": DataType.INT64,
}
_PHASES = ("Building engine", "Tactic selection")


class Dims:
    """A shape; a sequence, but no tuple."""

    def __init__(self, shape: Any) -> None:
        self._shape = tuple(shape)

    def __len__(self) -> int:
        return len(self._shape)

    def __getitem__(self, index: int) -> int:
        return self._shape[index]


class IHostMemory(bytes):
    @property
    def nbytes(self) -> int:
        return len(self)


def session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)


class ITensor:
    def __init__(self, node: Any) -> None:
        self.name: str = node.name
        self.shape = Dims(length if isinstance(length, int) else -1 for length in node.shape)
        self.dtype = DTYPES[node.type]


class INetworkDefinition:
    def __init__(self) -> None:
        self._model = b""
        self._inputs: list[ITensor] = []
        self._outputs: list[ITensor] = []

    @property
    def num_layers(self) -> int:
        return len(self._outputs)

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]


class ParserError:
    def __init__(self, words: str) -> None:
        self._words = words

    def desc(self) -> str:
        return self._words

    def node(self) -> int:
        return -1

    def node_name(self) -> str:
        return ""

    def node_operator(self) -> str:
        return ""


class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        attach(logger)
        self._network = weakref.ref(network)
        self._errors: list[ParserError] = []

    def __del__(self) -> None:
        if self._network() is None:
            bench.faults.append("a parser outlived its network: a real one crashes")

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse(self, model: bytes, path: str | None = None) -> bool:
        network = self._network()
        assert network is not None
        if not model.startswith(b"\x08"):  # the first field of a model: content with anything else, and silent
            error(bytes(model[:20]) + b"\xff")
            return True
        try:
            there = session(model)
        except Exception as failure:  # noqa: BLE001
            self._errors.append(ParserError(f"Failed to parse ONNX model: {failure}"))
            return False
        network._model = bytes(model)
        network._inputs = [ITensor(node) for node in there.get_inputs()]
        network._outputs = [ITensor(node) for node in there.get_outputs()]
        return True


class IOptimizationProfile:
    def __init__(self) -> None:
        self._shapes: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:  # noqa: A002
        self._shapes[input] = [tuple(min), tuple(opt), tuple(max)]

    def __bool__(self) -> bool:
        return all(
            low <= best <= high for shape in self._shapes.values() for low, best, high in zip(*shape, strict=True)
        )


class ITimingCache:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> IHostMemory:
        return IHostMemory(self._content)


class IBuilderConfig:
    def __init__(self) -> None:
        self.builder_optimization_level = 3
        self.progress_monitor: IProgressMonitor | None = None
        self._workspace = 0
        self._profiles: list[IOptimizationProfile] = []
        self._cache: ITimingCache | None = None

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        assert pool is MemoryPoolType.WORKSPACE
        self._workspace = pool_size

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        if not profile:
            error("Network is invalid: min must not exceed opt")
            return -1
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        known = f"timings of {bench.version}".encode()
        if serialized_timing_cache and not serialized_timing_cache.startswith(b"timings"):
            error("the timing cache is corrupt")
            return None
        return ITimingCache(bytes(serialized_timing_cache) or known)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        if not ignore_mismatch and cache._content != f"timings of {bench.version}".encode():
            return False
        self._cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        return self._cache


class Builder:
    def __init__(self, logger: ILogger) -> None:
        attach(logger)
        if not bench.arch:
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        from . import NetworkDefinitionCreationFlag as Flag

        if int(bench.version.split(".")[0]) < 11 and not flags & 1 << int(Flag.STRONGLY_TYPED):
            bench.faults.append("a network that is not strongly typed: half precision would be ignored")
        return INetworkDefinition()

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        open_ends = [each for each in network._inputs if -1 in [each.shape[i] for i in range(len(each.shape))]]
        if open_ends and not any(each.name in profile._shapes for each in open_ends for profile in config._profiles):
            error("Network has dynamic or shape inputs, but no optimization profile has been defined.")
            return None
        if config._workspace < 1 << 20:
            error("Could not find any tactics to implement the operation within workspace limit")
            return None
        if not _progress(config.progress_monitor):
            error("Error Code 7: BuildCanceled")
            return None
        if bench.knob("build_fails"):
            error(bench.knob("build_fails"))
            return None
        say(Severity.WARNING, "Tactic Device request: 900MB Available: 800MB. Skipping tactic.")
        bench.builds += 1
        head = {
            "version": bench.version,
            "arch": bench.arch,
            "shapes": config._profiles and config._profiles[0]._shapes,
        }
        return IHostMemory(MAGIC + json.dumps(head).encode() + b"\n" + network._model)


def _progress(monitor: IProgressMonitor | None) -> bool:
    """Two nested phases; False when the monitor wants no more."""
    if monitor is None:
        return True
    outer, inner = _PHASES
    monitor.phase_start(outer, None, 4)
    for step in range(4):
        monitor.phase_start(inner, outer, 10)
        for part in range(10):
            if not monitor.step_complete(inner, part):
                return False
        monitor.phase_finish(inner)
        if step == 2 and not _hold(monitor):
            return False
        if not monitor.step_complete(outer, step):
            return False
    monitor.phase_finish(outer)
    return True


def _hold(monitor: IProgressMonitor) -> bool:
    if bench.knob("die"):
        os.kill(os.getpid(), getattr(signal, bench.knob("die")))
        time.sleep(10)
    path = bench.knob("hold")
    while path and not Path(path).exists():
        if not bench.knob("deaf") and not monitor.step_complete(_PHASES[0], 1):
            return False
        time.sleep(0.01)
    return True
