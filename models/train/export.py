"""Write a detector as ONNX: one input ``images``, one output ``rows``, any batch size."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import onnx
import torch
from net import Detector, Exported
from pictures import HEIGHT, WIDTH

OPSET = 13
"""Old enough for TensorRT 8.5 and every ONNX Runtime that Python 3.10 can have."""


def export(model: Detector, path: Path) -> str:
    """Write the model to ``path``; gives the file's sha256 in hex."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = model.to(memory_format=torch.contiguous_format).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the classic exporter says that it is the classic exporter
        torch.onnx.export(
            Exported(model).eval(),
            (torch.zeros(1, 3, HEIGHT, WIDTH),),
            str(path),
            input_names=["images"],
            output_names=["rows"],
            dynamic_axes={"images": {0: "batch"}, "rows": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(str(path)))
    return hashlib.sha256(path.read_bytes()).hexdigest()
