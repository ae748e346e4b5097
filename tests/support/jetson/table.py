"""What the real ``jetson_utils_python`` offers, as far as this software uses it: written down by hand from its sources.

Source: dusty-nv/jetson-utils, python/bindings/PyCUDA.cpp (pyCUDA_Functions, the kwlist of each function, the tables of
attributes), PyVideo.cpp (pyVideoSource_Methods, PyVideoOptions_FromDict), PyLogging.cpp (pyLogging_Methods). A name in
angle brackets is given by position only (METH_VARARGS).
"""

from __future__ import annotations

FUNCTIONS: dict[str, tuple[str, ...]] = {
    # PyCUDA.cpp
    "cudaMalloc": ("size", "width", "height", "format", "timestamp", "like"),
    "cudaMallocMapped": ("size", "width", "height", "format", "timestamp", "like", "clear"),
    "cudaAllocMapped": ("size", "width", "height", "format", "timestamp", "like", "clear"),
    "cudaMemcpy": ("dst", "src", "mapped", "stream"),
    "cudaConvertColor": ("input", "output", "stream"),
    "cudaResize": ("input", "output", "filter", "stream"),
    "cudaCrop": ("input", "output", "roi", "stream"),
    "cudaStreamCreate": ("nonblocking", "priority"),
    "cudaStreamDestroy": ("<stream>",),
    "cudaStreamSynchronize": ("<stream>",),
    "cudaStreamWaitEvent": ("<stream>", "<event>"),
    "cudaEventCreate": (),
    "cudaEventDestroy": ("<event>",),
    "cudaEventRecord": ("event", "stream"),
    "cudaEventQuery": ("<event>",),
    "cudaEventElapsedTime": ("<start>", "<end>"),
    "cudaEventSynchronize": ("<event>",),
    "cudaDeviceSynchronize": (),
}

CONSTRUCTORS: dict[str, tuple[str, ...]] = {
    "cudaMemory": ("size", "mapped", "freeOnDelete"),
    "cudaImage": ("width", "height", "format", "timestamp", "mapped", "freeOnDelete", "ptr", "like"),
    "videoSource": ("uri", "argv", "positionArg", "options"),
}

METHODS: dict[str, dict[str, tuple[str, ...]]] = {
    "videoSource": {
        "Open": (),
        "Close": (),
        "Capture": ("format", "timeout", "stream"),
        "GetWidth": (),
        "GetHeight": (),
        "GetFrameRate": (),
        "GetFrameCount": (),
        "GetOptions": (),
        "IsStreaming": (),
        "Usage": (),
    },
    "Log": {
        "SetLevel": ("<level>",),
        "GetLevel": (),
        "SetFilename": ("<filename>",),
        "GetFilename": (),
        "Usage": (),
        "Error": ("<text>",),
        "Warning": ("<text>",),
        "Success": ("<text>",),
        "Info": ("<text>",),
        "Verbose": ("<text>",),
        "Debug": ("<text>",),
    },
}

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "cudaMemory": ("ptr", "size", "mapped", "freeOnDelete", "stream", "event", "gpudata"),
    "cudaImage": (
        *("ptr", "size", "mapped", "freeOnDelete", "stream", "event", "gpudata"),
        *("width", "height", "channels", "shape", "format", "timestamp"),
        *("__array_interface__", "__cuda_array_interface__"),
    ),
}

OPTIONS = ("width", "height", "framerate", "codec", "codecType", "latency", "numBuffers", "zeroCopy", "loop")
"""Keys of ``options`` that the video room uses; others are ignored without a word."""
