"""The seam between the detector and whatever runs a neural network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from agent.errors import BackendMissing

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

    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    max_batch: int | None

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


def open_engine(kind: str, model: Path, threads: int) -> Engine:
    """Load ``model`` into the engine named ``kind``; nothing else is tried in its place.

    Args:
        kind: ``onnx`` (ONNX Runtime on the CPU); ``tensorrt`` is a known name that this release cannot serve.
        model: the model file.
        threads: inference threads; only for engines on the CPU.

    Raises:
        BackendMissing: there is no such engine here.
        ModelError: the file cannot be used.
    """
    if kind == "onnx":
        return _open_onnx(model, threads)
    if kind == "tensorrt":
        raise BackendMissing(kind, 'the TensorRT engine is not part of this release; set detector.engine = "onnx"')
    raise BackendMissing(kind, 'there is no such engine; set detector.engine = "onnx"')


def _open_onnx(model: Path, threads: int) -> Engine:
    try:
        from agent.detect.onnx import OnnxEngine
    except ImportError as error:
        raise BackendMissing("onnx", f"onnxruntime does not load ({error}); install it with pip") from error
    return OnnxEngine(model, threads)
