"""What is known about a model: how to feed and read it, where it comes from, and what it may never look for."""

from __future__ import annotations

from dataclasses import dataclass

CARD_ID = r"[a-z0-9]+(-[a-z0-9]+)*"
"""What a card may be called."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a frame becomes the model's input tensor.

    Attributes:
        name: the tensor's name in the model.
        height: px.
        width: px.
        layout: ``NCHW`` or ``NHWC``.
        dtype: ``float32`` or ``uint8``; with ``uint8`` the pixels go in unchanged.
        colour: ``BGR`` or ``RGB``, the order of the channels and of ``mean`` and ``std``.
        resize: ``stretch`` (aspect ratio lost) or ``letterbox`` (kept; the picture lies at the top left).
        interpolation: ``linear`` or ``area``.
        pad: value 0..255 of what a letterbox leaves free.
        scale: each value is first multiplied by this.
        mean: then this is subtracted, one a channel.
        std: then it is divided by this, one a channel.
    """

    name: str
    height: int
    width: int
    layout: str = "NCHW"
    dtype: str = "float32"
    colour: str = "BGR"
    resize: str = "stretch"
    interpolation: str = "linear"
    pad: int = 114
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class YoloxHead:
    """One output (N, cells, 5 + classes): offsets, log sizes, objectness, classes; ``strides`` in output order."""

    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DistributionHead:
    """Each side's distance is an expectation over bins (PicoDet, NanoDet-Plus).

    Attributes:
        strides: px between cells, in output order.
        bins: values of one side's distribution.
        centre: where in its cell a box is anchored, as a share of the stride: 0.5 (PicoDet) or 0 (NanoDet-Plus).
        joined: one output (N, cells, classes + 4 * bins) instead of one scores and one distances output a stride.
    """

    strides: tuple[int, ...]
    bins: int
    centre: float
    joined: bool


@dataclass(frozen=True, slots=True)
class FastestHead:
    """One output (N, 5 + classes, rows, columns): objectness, box, classes (FastestDet).

    Attributes:
        stride: px between cells; there is only one.
        trained: height and width of the input it was trained on, of which its box sizes are shares, px; None = the
            card's.
    """

    stride: int
    trained: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DecodedHead:
    """Boxes (N, K, 4) as x1 y1 x2 y2 in px of the input, scores (N, K), classes (N, K): decoded inside the model."""


@dataclass(frozen=True, slots=True)
class DetrHead:
    """Two outputs: boxes (N, Q, 4) as centre and size in shares of the input, class logits (N, Q, columns) (RF-DETR).

    Attributes:
        columns: for each label the column of the logits that is its; others belong to no class.
        width: how many columns there are.
    """

    columns: tuple[int, ...]
    width: int


Head = YoloxHead | DistributionHead | FastestHead | DecodedHead | DetrHead


@dataclass(frozen=True, slots=True)
class Baking:
    """How a baked model came to be (``commune-agent model bake``): enough to make the very same file again.

    Attributes:
        source: name of the published file.
        source_sha256: hex digest of it.
        card: id of the card that describes it.
        height: of the network's own input, px.
        width: of the network's own input, px.
        batch: pictures a call; 0 = any number.
        precision: ``fp32`` or ``fp16``.
        keep: rows a picture, best first.
        tool: the program that baked it, and its version.
    """

    source: str
    source_sha256: str
    card: str
    height: int
    width: int
    batch: int
    precision: str
    keep: int
    tool: str


@dataclass(frozen=True, slots=True)
class Card:
    """A model card.

    Attributes:
        id: short name, e.g. ``yolox-nano``.
        title: for people.
        file: name under which the model file is kept.
        licence: SPDX id, and whose it is.
        labels: class names; a class id is an index into them.
        input: how to feed it.
        head: how to read its outputs.
        outputs: names of the outputs to read, in the head's order; empty = all, in the model's own order.
        batch: ``fixed`` (one frame a call, whatever the file claims) or ``dynamic`` (as many as the engine takes).
        conf: score from which a detection is worth showing.
        nms_iou: of two boxes of one class that overlap by more than this, the better one stays.
        verified: whether the makers of this card have run the file it describes.
        provenance: where the facts come from.
        sha256: hex digest of the file; empty where none is pinned.
        url: where the file can be fetched; empty where it ships with the software or is the user's own.
        ap: expected COCO AP, 0..1; None where unknown.
        ap50: expected AP at IoU 0.5; None where unknown.
        ap_on: the pictures these were measured on.
        baking: how the file was baked; None for a published one.
        least_tensorrt: version of TensorRT below which its answers are not sound, e.g. (10, 16); empty for any.
    """

    id: str
    title: str
    file: str
    licence: str
    labels: tuple[str, ...]
    input: InputSpec
    head: Head
    outputs: tuple[str, ...]
    batch: str
    conf: float
    nms_iou: float
    verified: bool
    provenance: str
    sha256: str = ""
    url: str = ""
    ap: float | None = None
    ap50: float | None = None
    ap_on: str = ""
    baking: Baking | None = None
    least_tensorrt: tuple[int, ...] = ()
