"""A behaving stand-in for ``jetson_utils_python``, the C extension of NVIDIA's jetson-utils (HEAD of October 2025).

Everything public here bears the name, keywords and faults of the real module, except ``bench``, by which tests play
the world around it. Facts from the sources of dusty-nv/jetson-utils: python/bindings/PyCUDA.cpp, PyVideo.cpp and
PyLogging.cpp, codec/gstDecoder.cpp, codec/gstBufferManager.cpp, cuda/cudaColorspace.cpp. What is not used by this
software is not here: drawing, fonts, outputs, OpenGL, ``Capture`` without conversion.
"""

from ._bench import world as bench
from ._calls import (
    cudaAllocMapped,
    cudaConvertColor,
    cudaCrop,
    cudaMalloc,
    cudaMallocMapped,
    cudaMemcpy,
    cudaResize,
)
from ._image import cudaImage, cudaMemory
from ._log import Log
from ._streams import (
    cudaDeviceSynchronize,
    cudaEventCreate,
    cudaEventDestroy,
    cudaEventElapsedTime,
    cudaEventQuery,
    cudaEventRecord,
    cudaEventSynchronize,
    cudaStreamCreate,
    cudaStreamDestroy,
    cudaStreamSynchronize,
    cudaStreamWaitEvent,
)
from ._video import videoSource

__all__ = [
    "Log",
    "bench",
    "cudaAllocMapped",
    "cudaConvertColor",
    "cudaCrop",
    "cudaDeviceSynchronize",
    "cudaEventCreate",
    "cudaEventDestroy",
    "cudaEventElapsedTime",
    "cudaEventQuery",
    "cudaEventRecord",
    "cudaEventSynchronize",
    "cudaImage",
    "cudaMalloc",
    "cudaMallocMapped",
    "cudaMemcpy",
    "cudaMemory",
    "cudaResize",
    "cudaStreamCreate",
    "cudaStreamDestroy",
    "cudaStreamSynchronize",
    "cudaStreamWaitEvent",
    "videoSource",
]
