"""What the detect room is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TensorRtSettings:
    """What an engine for TensorRT is built for, and where it is kept.

    Attributes:
        engines_dir: where engines lie; they are this machine's own, never carried to another.
        batch: the most frames a call; the engine is made fastest for this many.
        workspace_bytes: scratch memory that a layer may take, of the memory that the GPU shares with everything else.
    """

    engines_dir: Path = Path("/var/lib/commune-agent/engines")
    batch: int = 4
    workspace_bytes: int = 512 * 1024**2


@dataclass(frozen=True)
class DetectSettings:
    """The detector of a box.

    Attributes:
        engine: ``onnx`` or ``tensorrt``; named, never guessed.
        card: id of the model card, e.g. ``yolox-nano``.
        model: the model file; empty for the one the card ships or ``commune-agent model add`` installed.
        models_dir: where added models live.
        threads: inference threads (ONNX Runtime).
        tensorrt: only for the engine ``tensorrt``.
        min_score: detections below are dropped; low enough that privacy covers doubtful persons too (0.15 or less).
        motion_gate: leave out frames in which nothing has changed (docs/design/watch.md).
    """

    engine: str = "onnx"
    card: str = "demo"
    model: Path | None = None
    models_dir: Path = Path("/var/lib/commune-agent/models")
    threads: int = 1
    tensorrt: TensorRtSettings = TensorRtSettings()
    min_score: float = 0.1
    motion_gate: bool = True
