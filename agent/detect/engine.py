"""The seam between the detector and whatever runs a neural network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from agent.detect.settings import TensorRtSettings
from agent.errors import BackendMissing, ModelError

Tensor = NDArray[Any]
"""An array whose dtype its TensorSpec tells."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: in the model.
        shape: including the batch; None where the model leaves a length open.
        dtype: numpy's name, e.g. ``float32``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Engine(Protocol):
    """A loaded network. One thread at a time uses it.

    Attributes:
        input: its single input.
        outputs: in the order ``run`` gives them.
        max_batch: the most frames one ``run`` takes; every number from 1 to it is fine; None = no limit.
    """

    @property
    def input(self) -> TensorSpec:
        """See above."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """See above."""
        ...

    @property
    def max_batch(self) -> int | None:
        """See above."""
        ...

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Run the network on ``batch``, of the input's shape and dtype, C-contiguous.

        The answers are *borrowed* until the next ``run``: an engine may reuse the memory.

        Raises:
            ModelError: the network cannot be run on it.
        """
        ...

    def close(self) -> None:
        """Give everything back; never raises."""
        ...


@runtime_checkable
class SlotEngine(Engine, Protocol):
    """An engine whose input memory can be written by whoever has the pictures, and that works while others do.

    Two calls may be on their way: fill ``slots``, ``submit``, fill the next ``slots``, ``collect``.
    """

    def slots(self, count: int) -> Tensor:
        """Give the places of the next ``count`` pictures, of the input's shape and dtype, to be written."""
        ...

    def take(self, image: object, slot: int, colour: str) -> bool:
        """Have the GPU itself copy a picture (``Frame.image``) into a place, from its first row on.

        Args:
            image: as wide as the input, and no higher.
            slot: index into the next ``slots``.
            colour: ``BGR`` or ``RGB``, what the model wants.

        Returns:
            False where that is not possible; nothing has been written then.
        """
        ...

    def submit(self, count: int) -> None:
        """Run on the first ``count`` slots; returns at once."""
        ...

    def collect(self) -> tuple[Tensor, ...]:
        """Wait for the oldest call on its way; its answers are *borrowed* until the next ``submit``."""
        ...


class PlanMissing(ModelError):
    """There is no engine for this model on this machine yet; building one takes minutes, and nothing else helps."""


class PlanRefused(ModelError):
    """The engine of this model does not load: it is damaged, or of another TensorRT or GPU. Building it may help."""


def open_engine(
    kind: str, model: Path, threads: int, tensorrt: TensorRtSettings | None = None, *, renew: bool = False
) -> Engine:
    """Load ``model`` into the engine named ``kind``; nothing else is tried in its place.

    Args:
        kind: ``onnx`` (ONNX Runtime on the CPU) or ``tensorrt`` (the GPU of a Jetson).
        model: the model file.
        threads: inference threads; only for engines on the CPU.
        tensorrt: only for ``tensorrt``.
        renew: where the engine that ``tensorrt`` asks for is missing, run on an older one of the same model and build
            the new one meanwhile; for programs that stay.

    Raises:
        BackendMissing: there is no such engine here.
        PlanMissing: there is no TensorRT engine of this model yet.
        PlanRefused: there is one, and it does not load.
        ModelError: the file cannot be used.
    """
    if kind == "onnx":
        return _open_onnx(model, threads)
    if kind == "tensorrt":
        from agent.detect.trt.door import open_tensorrt  # not before it is wanted: it loads NVIDIA's libraries

        return open_tensorrt(model, tensorrt or TensorRtSettings(), renew=renew)
    raise BackendMissing(kind, 'there is no such engine; set detector.engine = "onnx" or "tensorrt"')


def _open_onnx(model: Path, threads: int) -> Engine:
    try:
        from agent.detect.onnx import OnnxEngine
    except ImportError as error:
        raise BackendMissing("onnx", f"onnxruntime does not load ({error}); install it with pip") from error
    return OnnxEngine(model, threads)
