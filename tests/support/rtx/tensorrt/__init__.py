"""TensorRT for RTX under TensorRT's name, for an interpreter that has only the former (support/tensorrt_place.py).

Parser, builder, progress monitor and logger are NVIDIA's own, of the same source as TensorRT 10.1x. Three things differ
and are evened out here: its version numbers count its own releases; without a GPU it must be told for which one to
build; and its timing cache does nothing and warns.
"""

import warnings

import tensorrt_rtx
from tensorrt_rtx import *  # noqa: F403

__version__ = "10.13.0"

warnings.filterwarnings("ignore", category=DeprecationWarning)


class Builder(tensorrt_rtx.Builder):
    def __init__(self, logger: tensorrt_rtx.ILogger) -> None:
        tensorrt_rtx.Builder.__init__(self, logger)

    def create_builder_config(self) -> tensorrt_rtx.IBuilderConfig:
        config = tensorrt_rtx.Builder.create_builder_config(self)
        config.num_compute_capabilities = 1
        config.set_compute_capability(tensorrt_rtx.ComputeCapability.SM86, 0)
        return config
