"""A small DETR of random weights and its card; needs the package ``onnx``."""

from __future__ import annotations

from pathlib import Path

import onnx

from support.bakery import CARD
from support.networks import Network

DETR = """
a = Conv <strides = [16, 16]> (x, k)
b = Reshape (a, t)
c = Transpose <perm = [0, 2, 1]> (b)
d = LayerNormalization (c, s, s)
e = MatMul (d, wb)
y = Sigmoid (e)
f = MatMul (d, wl)
z = {last}
"""


def detr(folder: Path, last: str = "Identity (f)") -> None:
    """Put a small DETR and its card into a folder: 24 queries, one a cell, and 6 columns for 4 labels."""
    text = CARD.replace('kind = "yolox"\nstrides = [8, 16]', 'kind = "detr"\ncolumns = [1, 2, 4, 5]\nwidth = 6')
    text = text.replace('name = "images"', 'name = "x"\nscale = 0.01').replace('"letterbox"', '"stretch"')
    (folder / "street.toml").write_text(text, "utf-8")
    weights = {"k": (8, 3, 16, 16), "t": [1, 8, -1], "s": (8,), "wb": (8, 4), "wl": (8, 6)}
    model = Network(DETR.format(last=last), weights, opset=17).written(64, 96)
    del model.graph.output[:]
    for name, width in (("y", 4), ("z", 6)):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 24, width)))
    onnx.save(model, str(folder / "published.onnx"))
