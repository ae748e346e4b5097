"""Run a model with ONNX Runtime on the CPU; the only importer of ``onnxruntime``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as _native

from agent.detect.engine import Tensor, TensorSpec
from agent.detect.modelfile import check_file
from agent.errors import ModelError

_FATAL = 4  # ONNX Runtime's log levels go from 0 (verbose) to 4

# The runtime's own exceptions share no base class. ValueError is UnicodeDecodeError: the reason for a damaged file can
# hold bytes of that file.
_FAULTS = (
    RuntimeError,
    ValueError,
    _native.EPFail,
    _native.EngineError,
    _native.Fail,
    _native.InvalidArgument,
    _native.InvalidGraph,
    _native.InvalidProtobuf,
    _native.ModelLoaded,
    _native.NoModel,
    _native.NoSuchFile,
    _native.NotImplemented,
    _native.RuntimeException,
)

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


class OnnxEngine:
    """A model in ONNX Runtime, on the CPU provider alone.

    Threads wait asleep: by default the runtime spins between calls, which at 10 frames per second burns ten times the
    CPU the network itself needs.
    """

    def __init__(self, model: Path, threads: int) -> None:
        """Load ``model``.

        Raises:
            ModelError: it is no model, a damaged one, or of a form that is not taken here.
        """
        check_file(model)
        self._model = model
        self._session: ort.InferenceSession | None = _load(model, threads)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(str(model), f"has {len(inputs)} inputs; a detector has one, the picture")
        self.input = _spec(inputs[0])
        self.outputs = tuple(_spec(output) for output in self._session.get_outputs())
        self.max_batch = self.input.shape[0] if self.input.shape else 1

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Run the network; see ``Engine.run``."""
        if self._session is None:
            raise ModelError(str(self._model), "was closed and cannot run; open the engine again")
        missing = (self.max_batch or 0) - len(batch)
        if missing > 0:  # the model takes exactly so many, no fewer
            batch = np.concatenate((batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)))
        try:
            answers = self._session.run(None, {self.input.name: batch})
            return tuple(answer[: len(batch) - missing] if missing > 0 else answer for answer in answers)
        except _FAULTS as error:
            raise ModelError(str(self._model), f"failed while running: {_reason(error)}") from error

    def close(self) -> None:
        """Give the session's memory back."""
        self._session = None


def _load(model: Path, threads: int) -> ort.InferenceSession:
    ort.set_default_logger_severity(_FATAL)
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # Without enable_fallback=0 the Python wrapper prints a notice on stdout and loads the same file again.
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except _FAULTS as error:
        raise ModelError(
            str(model),
            f"ONNX Runtime cannot load it ({_reason(error)}); it is damaged, cut short or not ONNX: "
            "fetch it again and compare its sha256",
        ) from error


def _spec(node: ort.NodeArg) -> TensorSpec:
    shape = tuple(length if isinstance(length, int) else None for length in node.shape)
    return TensorSpec(node.name, shape, _DTYPES.get(node.type, node.type))


def _reason(error: Exception) -> str:
    text = "unreadable reason" if isinstance(error, UnicodeDecodeError) else str(error)
    return " ".join(text.split(" : ")[-1].split())[:200]
