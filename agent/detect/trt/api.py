"""The part of TensorRT's Python API that is used here, as types: nothing beyond it passes mypy.

Every name stands in TensorRT 10.3, 10.13, 10.16 and 11 alike; a test holds this page against the real bindings. The
*numbers* behind the enum members were changed in 11.0 and are never written down. What is not here
(``BuilderFlag.FP16``, calibrators, ``ICudaEngine.device_memory_size`` …) was removed in 11.0.
"""

# ruff: noqa: D102, N802  # NVIDIA documents its names, and gave them

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, SupportsIndex

Shape = tuple[int, ...]


class Member(SupportsIndex, Protocol):
    """A member of an enum; ``str`` gives e.g. ``DataType.UINT8``."""

    def __int__(self) -> int: ...


class Dims(Protocol):
    """A shape; -1 where a length is open."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> int: ...


class HostMemory(Protocol):
    """Bytes that TensorRT owns; ``bytes(memory)`` copies them out."""

    @property
    def nbytes(self) -> int: ...

    def __buffer__(self, flags: int, /) -> memoryview: ...


class Tensor(Protocol):
    """An input or output of a network."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Dims: ...

    @property
    def dtype(self) -> Member: ...


class Network(Protocol):
    """A network as parsed."""

    @property
    def num_layers(self) -> int: ...

    @property
    def num_inputs(self) -> int: ...

    @property
    def num_outputs(self) -> int: ...

    def get_input(self, index: int) -> Tensor: ...

    def get_output(self, index: int) -> Tensor: ...


class ParserError(Protocol):
    """Why a node was not taken."""

    def desc(self) -> str: ...

    def node(self) -> int: ...

    def node_name(self) -> str: ...

    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    """Reads ONNX into a network; says True of much that is no ONNX at all."""

    @property
    def num_errors(self) -> int: ...

    def parse(self, model: bytes) -> bool: ...

    def get_error(self, index: int) -> ParserError: ...


class OptimizationProfile(Protocol):
    """For which shapes an engine is made."""

    def set_shape(self, input: str, min: Shape, opt: Shape, max: Shape) -> None: ...  # noqa: A002


class TimingCache(Protocol):
    """How fast each tactic was, for the next build."""

    def serialize(self) -> HostMemory | None: ...


class ProgressMonitor(Protocol):
    """What a builder reports to; called from threads of its own."""

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None: ...

    def phase_finish(self, phase_name: str) -> None: ...

    def step_complete(self, phase_name: str, step: int) -> bool: ...


class BuilderConfig(Protocol):
    """How to build."""

    builder_optimization_level: int
    progress_monitor: ProgressMonitor

    def set_memory_pool_limit(self, pool: Member, pool_size: int) -> None: ...

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None: ...

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool: ...

    def get_timing_cache(self) -> TimingCache | None: ...

    def add_optimization_profile(self, profile: OptimizationProfile) -> int: ...


class Builder(Protocol):
    """Makes plans."""

    def create_network(self, flags: int) -> Network: ...

    def create_builder_config(self) -> BuilderConfig: ...

    def create_optimization_profile(self) -> OptimizationProfile: ...

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> HostMemory | None: ...


class ExecutionContext(Protocol):
    """One running engine. False and None tell of failures; nothing is raised."""

    def set_input_shape(self, name: str, shape: Shape) -> bool: ...

    def set_tensor_address(self, name: str, memory: int) -> bool: ...

    def execute_async_v3(self, stream_handle: int) -> bool: ...


class CudaEngine(Protocol):
    """A plan in memory."""

    @property
    def num_io_tensors(self) -> int: ...

    def get_tensor_name(self, index: int) -> str: ...

    def get_tensor_mode(self, name: str) -> Member: ...

    def get_tensor_shape(self, name: str) -> Dims: ...

    def get_tensor_dtype(self, name: str) -> Member: ...

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Dims]: ...

    def create_execution_context(self) -> ExecutionContext | None: ...


class Runtime(Protocol):
    """Loads plans; must outlive the engines."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None: ...


class Logger(Protocol):
    """What TensorRT talks to."""

    def log(self, severity: Member, msg: str) -> None: ...


class BuilderClass(Protocol):
    """Makes builders; TypeError where there is no usable GPU."""

    def __call__(self, logger: Logger) -> Builder: ...


class RuntimeClass(Protocol):
    """Makes runtimes; TypeError where there is no usable GPU."""

    def __call__(self, logger: Logger) -> Runtime: ...


class ParserClass(Protocol):
    """Makes parsers; whoever calls it must keep the network, or the process crashes."""

    def __call__(self, network: Network, logger: Logger) -> OnnxParser: ...


class CreationFlags(Protocol):
    """``NetworkDefinitionCreationFlag``."""

    @property
    def STRONGLY_TYPED(self) -> Member: ...


class MemoryPools(Protocol):
    """``MemoryPoolType``."""

    @property
    def WORKSPACE(self) -> Member: ...


class IoModes(Protocol):
    """``TensorIOMode``."""

    @property
    def INPUT(self) -> Member: ...


class TensorRt(Protocol):
    """The module ``tensorrt`` itself."""

    __version__: str

    def __hash__(self) -> int: ...

    @property
    def Builder(self) -> BuilderClass: ...

    @property
    def Runtime(self) -> RuntimeClass: ...

    @property
    def OnnxParser(self) -> ParserClass: ...

    @property
    def ILogger(self) -> type[Logger]: ...

    @property
    def IProgressMonitor(self) -> type[ProgressMonitor]: ...

    @property
    def NetworkDefinitionCreationFlag(self) -> CreationFlags: ...

    @property
    def MemoryPoolType(self) -> MemoryPools: ...

    @property
    def TensorIOMode(self) -> IoModes: ...
