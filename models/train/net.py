"""The demo detector: a small anchor-free network for street pictures, about 0.65 million weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
_NECK = 48
_RARE = -4.6  # bias at which a fresh network calls 1 % of places an object


class Layer(nn.Sequential):
    """Convolution, batch normalisation, ReLU: cheap to train and to run on a CPU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Block(nn.Module):
    """A bottleneck with a way around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(Layer(channels, channels // 2, 1), Layer(channels // 2, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return x + self.inside(x)


class Surround(nn.Module):
    """Look far around at the coarsest level, by pooling three times (as YOLO's SPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Layer(channels, channels // 2, 1)
        self.merge = Layer(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        views = [self.narrow(x)]
        for _ in range(3):
            views.append(F.max_pool2d(views[-1], 5, 1, 2))
        return self.merge(torch.cat(views, 1))


class Detector(nn.Module):
    """Pictures in, one row for every place of every stride out.

    Input (N, 3, H, W) float32, BGR 0..255, H and W multiples of 32. Output (N, A, 5 + classes) with the rows
    (tx, ty, tw, th, object, classes), strides 8, 16, 32 one after another, each row-major: the middle of the object
    is (tx + column, ty + row) * stride, its size exp(tw), exp(th) * stride. ``forward`` gives logits for object and
    classes; ``Exported`` gives probabilities.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(Layer(3, 12, stride=2), Layer(12, 24, stride=2))
        self.fine = nn.Sequential(Layer(24, 48, stride=2), Block(48))
        self.middle = nn.Sequential(Layer(48, 80, stride=2), Block(80), Block(80))
        self.coarse = nn.Sequential(Layer(80, 160, stride=2), Block(160), Block(160), Surround(160))
        self.lateral = nn.ModuleList([Layer(channels, _NECK, 1) for channels in (48, 80, 160)])
        self.smooth = nn.ModuleList([Layer(_NECK, _NECK) for _ in STRIDES])
        self.head = Layer(_NECK, 64)
        self.box = nn.Conv2d(64, 5, 1)
        self.kind = nn.Conv2d(64, classes, 1)
        nn.init.constant_(self.box.bias, 0.0)
        nn.init.constant_(self.box.bias[4:], _RARE)
        nn.init.constant_(self.kind.bias, _RARE / 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give rows with logits."""
        fine = self.fine(self.stem((pictures - 114.0) * (1 / 64.0)))
        middle = self.middle(fine)
        coarse = self.lateral[2](self.coarse(middle))
        middle = self.lateral[1](middle) + F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        fine = self.lateral[0](fine) + F.interpolate(middle, scale_factor=2.0, mode="nearest")
        answers = [self.head(smooth(level)) for smooth, level in zip(self.smooth, (fine, middle, coarse), strict=True)]
        rows = [torch.cat([self.box(x), self.kind(x)], 1).flatten(2) for x in answers]
        return torch.cat(rows, 2).transpose(1, 2)


class Exported(nn.Module):
    """The detector as it is shipped: object and classes as probabilities."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pictures: Tensor) -> Tensor:
        """Give rows with probabilities."""
        rows = self.detector(pictures)
        return torch.cat([rows[..., :4], rows[..., 4:].sigmoid()], 2)


def grid(height: int, width: int) -> Tensor:
    """Column, row and stride of every output row, (A, 3) float32."""
    places = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        places.append(torch.stack([columns, rows, torch.full_like(rows, stride)], -1).reshape(-1, 3))
    return torch.cat(places).float()


def decode(rows: Tensor, places: Tensor) -> Tensor:
    """Turn (N, A, 4+) rows into boxes x1, y1, x2, y2 in input px, (N, A, 4)."""
    middle = (rows[..., :2] + places[:, :2]) * places[:, 2:]
    half = rows[..., 2:4].clamp(max=6.0).exp() * places[:, 2:] / 2
    return torch.cat([middle - half, middle + half], -1)
