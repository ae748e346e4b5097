"""Which machine this is, as far as an engine plan depends on it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from agent.detect.trt.api import TensorRt
from agent.detect.trt.cudart import Cudart, gpu_name, runtime_version

_RELEASE = Path("/etc/nv_tegra_release")
_BOARD = Path("/proc/device-tree/compatible")


@dataclass(frozen=True, slots=True)
class Place:
    """What a plan is bound to besides its model.

    Attributes:
        tensorrt: version of TensorRT.
        cuda: version of the CUDA runtime; empty where it is not to be had.
        gpu: architecture of the GPU, e.g. ``sm87``; empty where the CUDA runtime is not to be had.
        l4t: first line of /etc/nv_tegra_release; empty on other machines.
        board: module and carrier, e.g. ``nvidia,p3768-0000+p3767-0005-super``; the processor where there is none.
    """

    tensorrt: str
    cuda: str
    gpu: str
    l4t: str
    board: str


def this_place(trt: TensorRt, library: Cudart | None, release: Path = _RELEASE, board: Path = _BOARD) -> Place:
    """Look at this machine."""
    return Place(
        tensorrt=trt.__version__,
        cuda="" if library is None else runtime_version(library),
        gpu="" if library is None else gpu_name(library),
        l4t=_first(release, "\n").split(", GCID")[0].lstrip("# "),
        board=_first(board, "\0") or platform.machine(),
    )


def _first(path: Path, end: str) -> str:
    try:
        return path.read_text("utf-8", "replace").split(end)[0].strip()
    except OSError:
        return ""
