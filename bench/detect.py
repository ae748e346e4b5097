"""What the detector costs on top of its network: time of Detector.detect over time of the network alone.

    python bench/detect.py [FOLDER OF REAL MATERIAL]

Both run the same frames with one thread, interleaved, so that a busy machine slows both; the ratio is what counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from agent.clock import SystemClock
from agent.core.frame import Frame
from agent.detect.chart import check_picture
from agent.detect.detector import open_detector
from agent.detect.engine import open_engine
from agent.detect.prepare import Preparer
from agent.detect.settings import DetectSettings

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
MODELS = {
    "yolox-nano": "yolox_nano_416.onnx",
    "picodet-s": "picodet_s_416_coco.onnx",
    "fastestdet": "FastestDet.onnx",
}


def main() -> None:
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("COMMUNE_REAL", "")
    real = Path(given) if given else ROOT.parent / "shared" / "real"
    frames = pictures(real / "traffic_images_train" / "images")
    print(f"{len(frames)} frames, median of {ROUNDS} interleaved rounds, 1 thread, min_score 0.1")
    for card_id, file in MODELS.items():
        model = real / "models" / file
        if model.is_file():
            measure(card_id, model, frames)
        else:
            print(f"{card_id:16} skipped: no file {model}")
    if (ROOT / "models" / "demo.onnx").is_file():
        measure("demo", ROOT / "models" / "demo.onnx", frames)
    else:
        print(f"{'demo':16} skipped: models/demo.onnx has not been trained here")


def pictures(folder: Path) -> list[Frame]:
    """Real street pictures at the size of a camera's second stream, or the drawn picture where there are none."""
    read = [cv2.imread(str(path)) for path in sorted(folder.glob("*"))] if folder.is_dir() else [check_picture()]
    now = SystemClock().now()
    return [Frame("bench", i, now, cv2.resize(pixels, (640, 360))) for i, pixels in enumerate(read)]


def measure(card_id: str, model: Path, frames: list[Frame]) -> None:
    detector = open_detector(DetectSettings(card=card_id, model=model))
    engine = open_engine("onnx", model, 1)
    preparer = Preparer(detector.card.input)
    batches = np.empty((len(frames), 1, *preparer.shape), detector.card.input.dtype)
    for frame, batch in zip(frames, batches, strict=True):
        preparer.fill(frame.pixels, batch[0])

    def whole() -> int:
        return sum(len(detector.detect([frame])[0]) for frame in frames)

    def network() -> None:
        for batch in batches:
            engine.run(batch)

    found = whole()
    network()
    rounds = [(spent_s(network), spent_s(whole)) for _ in range(ROUNDS)]
    alone, all_of_it = (statistics.median(column) * 1000 / len(frames) for column in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(
        f"{card_id:16} network {alone:7.2f} ms, detect {all_of_it:7.2f} ms a frame, ratio {ratio:.2f}; "
        f"{found / len(frames):.1f} objects a frame"
    )


def spent_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
