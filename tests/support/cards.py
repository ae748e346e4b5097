"""A model card for the small networks that the tests make."""

from __future__ import annotations

CARD = """
id = "street"
title = "Test network"
file = "street.onnx"
licence = "Apache-2.0"
{pin}
labels = ["person", "car"]
batch = "dynamic"
conf = 0.05
nms_iou = 0.5
verified = false
provenance = "random weights"
[input]
name = "images"
height = 64
width = 64
layout = "NCHW"
dtype = "float32"
colour = "BGR"
resize = "stretch"
interpolation = "linear"
[decode]
kind = "yolox"
strides = [8]
"""
"""For a 64 x 64 network of one stride; ``{pin}`` takes the lines that pin a file, or nothing."""

WIDE = """
id = "street"
title = "Test network"
file = "street.onnx"
licence = "Apache-2.0"
labels = ["person", "car", "truck", "bicycle"]
batch = "dynamic"
conf = 0.4
nms_iou = 0.5
verified = false
provenance = "random weights"
[input]
name = "images"
height = 64
width = 96
layout = "NCHW"
dtype = "float32"
colour = "BGR"
resize = "letterbox"
interpolation = "linear"
[decode]
kind = "yolox"
strides = [8, 16]
"""
"""For a 96 x 64 network of two strides and four classes, for any number of pictures."""
