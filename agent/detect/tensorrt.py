"""Bring in NVIDIA's libraries, or say why they do not come; the only importer of ``tensorrt`` in this room.

What uses them (``trt/``) is given the modules. Both belong to the system's Python, so the box's venv is made with
``--system-site-packages``; the package index has a ``jetson-utils`` that is a stranger's.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.detect.trt.api import TensorRt
from agent.detect.trt.jetson_api import JetsonUtils
from agent.detect.trt.library import check_version
from agent.errors import BackendMissing

log = logging.getLogger(__name__)

_NAMES = ("__version__", "Builder", "Runtime", "OnnxParser")
_UTILS_NAMES = ("Log", "cudaMallocMapped", "cudaStreamCreate", "cudaEventCreate", "cudaEventRecord")
_RELEASE = Path("/etc/nv_tegra_release")
_BAD_RELEASE = ("# R36", "REVISION: 4.7")


def load_tensorrt() -> TensorRt:
    """Import TensorRT.

    Raises:
        BackendMissing: it is not here, does not load, or is too old.
    """
    try:
        import tensorrt
    except ModuleNotFoundError as error:
        raise BackendMissing(
            "tensorrt",
            f"TensorRT is not installed here ({error}); JetPack brings it (apt install nvidia-jetpack), and the venv"
            ' must see it (--system-site-packages). Elsewhere set detector.engine = "onnx"',
        ) from error
    except (ImportError, OSError) as error:  # e.g. of a library that this JetPack no longer ships, or half of one
        raise BackendMissing(
            "tensorrt",
            f"TensorRT is installed and does not load: {error}; its version must be the one of this JetPack (in a"
            " container: of the host's)",
        ) from error
    if not all(hasattr(tensorrt, name) for name in _NAMES):
        where = getattr(tensorrt, "__file__", None) or ", ".join(getattr(tensorrt, "__path__", ()))
        raise BackendMissing(
            "tensorrt", f"the module tensorrt is not NVIDIA's ({where}); remove it, so that JetPack's own is found"
        )
    library: TensorRt = tensorrt
    check_version(library)
    return library


def load_jetson_utils() -> JetsonUtils | None:
    """Import jetson-utils; None where it is not here, or does not load with this NumPy, which the log then tells."""
    try:
        import jetson_utils_python
    except ModuleNotFoundError:
        return None
    except (ImportError, AttributeError, RuntimeError) as error:  # the last two: built for another NumPy
        log.warning("jetson-utils does not load (%s); memory comes from the CUDA runtime instead", error)
        return None
    if not all(hasattr(jetson_utils_python, name) for name in _UTILS_NAMES):
        log.warning("jetson_utils_python is not NVIDIA's, or too old; memory comes from the CUDA runtime instead")
        return None
    jetson_utils_python.Log.SetLevel("silent")  # it writes to stdout, where commands give JSON
    library: JetsonUtils = jetson_utils_python
    return library


def warn_of_release(release: Path = _RELEASE) -> None:
    """Warn of the one JetPack (6.2.1, L4T 36.4.7) on which allocations and builds fail, mended by 6.2.2."""
    try:
        line = release.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError):
        return
    if all(part in line for part in _BAD_RELEASE):
        log.warning("L4T 36.4.7 (JetPack 6.2.1) fails to allocate GPU memory; update to JetPack 6.2.2 (36.5)")
