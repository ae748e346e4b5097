"""Build an engine from each ONNX file with TensorRT, as a box would; run by an interpreter that has it.

    python tensorrt_probe.py FILE...

Prints a line of JSON a file: what goes in, what comes out, and the size of the plan; or what was wrong. Knows TensorRT
itself and TensorRT for RTX, which needs no GPU to build for one. Nothing of this project is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

try:
    import tensorrt as trt
except ImportError:
    import tensorrt_rtx as trt

MOST = 4


class Listener(trt.ILogger):
    """Keeps what TensorRT complains of; the library takes one a process."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.lines: list[str] = []

    def log(self, severity: object, message: str) -> None:
        if str(severity).rsplit(".", 1)[-1] in ("INTERNAL_ERROR", "ERROR", "WARNING"):
            self.lines.append(message)


def told(tensor: trt.ITensor) -> list[object]:
    return [tensor.name, str(tensor.dtype).rsplit(".", 1)[-1], list(tensor.shape)]


def build(builder: trt.Builder, listener: Listener, model: bytes) -> dict[str, object]:
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, listener)
    if not parser.parse(model) or network.num_layers == 0:
        return {"failed": "parse", "problem": [parser.get_error(i).desc() for i in range(parser.num_errors)]}
    settings = builder.create_builder_config()
    settings.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 512 << 20)
    if hasattr(settings, "set_compute_capability"):  # for RTX: build for a card that is not here
        settings.num_compute_capabilities = 1
        settings.set_compute_capability(trt.ComputeCapability.SM86, 0)
    picture = network.get_input(0)
    if picture.shape[0] == -1:
        profile, rest = builder.create_optimization_profile(), tuple(picture.shape)[1:]
        profile.set_shape(picture.name, (1, *rest), (MOST, *rest), (MOST, *rest))
        settings.add_optimization_profile(profile)
    ends = {
        "inputs": [told(network.get_input(i)) for i in range(network.num_inputs)],
        "outputs": [told(network.get_output(i)) for i in range(network.num_outputs)],
    }
    plan = builder.build_serialized_network(network, settings)
    return ends | ({"failed": "build"} if plan is None else {"plan_bytes": plan.nbytes})


def main() -> None:
    listener = Listener()
    builder = trt.Builder(listener)
    for name in sys.argv[1:]:
        listener.lines.clear()
        found = build(builder, listener, Path(name).read_bytes())
        print(json.dumps({"file": Path(name).name, "version": trt.__version__, **found, "said": listener.lines}))


if __name__ == "__main__":
    main()
