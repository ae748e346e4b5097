"""What the detector saw in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """Everything the detector found in one frame; row i of each array is object i.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 normalised to the full frame, 0..1.
        scores: (N,) float32, confidence in 0..1.
        class_ids: (N,) int64, index into the model card's labels.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """Keep the rows that ``keep`` selects (mask or indices), in its order."""
        return Detections(self.boxes[keep], self.scores[keep], self.class_ids[keep])

    @staticmethod
    def none() -> Detections:
        """An empty set."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
