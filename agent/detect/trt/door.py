"""How the rest of the detect room comes to TensorRT engines: open one, or have one built."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agent.detect import tensorrt
from agent.detect.engine import Engine, PlanMissing, PlanRefused
from agent.detect.settings import TensorRtSettings
from agent.detect.trt.construction import Stop, Told
from agent.detect.trt.cudart import Cudart, load_cudart
from agent.detect.trt.jetson_api import JetsonUtils
from agent.detect.trt.memory import JetsonMemory, Memory, RuntimeMemory
from agent.detect.trt.place import this_place
from agent.detect.trt.renewal import Renewal
from agent.detect.trt.shelf import Note
from agent.detect.trt.workshop import Workshop
from agent.errors import BackendMissing

log = logging.getLogger(__name__)


def open_tensorrt(model: Path, settings: TensorRtSettings, *, renew: bool) -> Engine:
    """Load the engine of a baked model; see ``agent.detect.engine.open_engine``."""
    workshop = make_workshop(model, settings)
    try:
        return workshop.open()
    except (PlanMissing, PlanRefused) as error:
        older = workshop.open_older() if renew else None
        if older is None:
            raise
        return Renewal(older, workshop, again=isinstance(error, PlanRefused))


def build_engine(model: Path, settings: TensorRtSettings, told: Told, stop: Stop, *, again: bool = False) -> Note:
    """Have the engine of a baked model built, unless it is there and loads; gives the note that stands beside it.

    Raises:
        BuildCancelled: ``stop`` was set.
        ModelError: no engine can be built, or what was built does not load.
        BackendMissing: TensorRT or a GPU is not to be had here.
    """
    workshop = make_workshop(model, settings)
    if again:
        workshop.build(told, stop, again=True)
    workshop.obtain(told, stop).close()
    workshop.tidy()
    note = workshop.shelf.note(workshop.plan)
    if note is None:
        raise PlanMissing(str(model), f"lost its engine from {settings.engines_dir} while it was being opened")
    return note


def make_workshop(model: Path, settings: TensorRtSettings) -> Workshop:
    """Bring the libraries in and look at this machine."""
    trt = tensorrt.load_tensorrt()
    tensorrt.warn_of_release()
    cudart = load_cudart()
    memory = memory_maker(str(model), tensorrt.load_jetson_utils(), cudart)
    return Workshop(trt, model, settings, this_place(trt, cudart), memory)


def memory_maker(subject: str, utils: JetsonUtils | None, cudart: Cudart | None) -> Callable[[], Memory]:
    """Say where memory comes from: jetson-utils, which also reads the cameras, or the CUDA runtime without it.

    Raises:
        BackendMissing: there is neither.
    """
    if utils is not None:
        return lambda: JetsonMemory(utils, subject)
    if cudart is not None:
        return lambda: RuntimeMemory(cudart, subject)
    raise BackendMissing(
        "tensorrt", "neither jetson-utils nor the CUDA runtime (libcudart) loads here; apt install nvidia-jetpack"
    )
