"""A behaving stand-in for TensorRT's Python module, from parser to execution.

What is public bears the names, arguments and manners of the real bindings (tests hold them against each other):
failures are None or False and a line in the log, the parser is content with much that is no ONNX, enum numbers differ
between 10 and 11. ``bench`` is how tests play the world. A plan holds its ONNX model; ``execute_async_v3`` computes it
with ONNX Runtime, on the memory whose addresses were set, when the fake GPU's stream gets there.
"""

from ._bench import bench
from ._build import (
    Builder,
    IBuilderConfig,
    IHostMemory,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    ITimingCache,
    OnnxParser,
    ParserError,
)
from ._enums import DataType, MemoryPoolType, TensorIOMode, creation_flag
from ._run import ICudaEngine, IExecutionContext, Runtime
from ._talk import ILogger, IProgressMonitor

NetworkDefinitionCreationFlag = creation_flag()
__version__ = bench.version

__all__ = [
    "Builder",
    "DataType",
    "IBuilderConfig",
    "ICudaEngine",
    "IExecutionContext",
    "IHostMemory",
    "ILogger",
    "INetworkDefinition",
    "IOptimizationProfile",
    "IProgressMonitor",
    "ITensor",
    "ITimingCache",
    "MemoryPoolType",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "ParserError",
    "Runtime",
    "TensorIOMode",
    "bench",
]
