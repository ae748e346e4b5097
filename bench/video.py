"""What capturing costs on top of decoding: CPU per picture of our whole capture path over a bare read loop.

    python bench/video.py [CLIP]

Without a clip a 1080p one is made. All ways read the same file with one decoding thread, interleaved, so that a busy
machine slows all of them; the ratio is what counts. ``every frame`` is the worst case (each one copied, masked and
handed over); ``5 of 25 a second`` is how a camera is watched.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from agent.clock import SystemClock
from agent.core.polygon import polygon
from agent.video.capture import CameraSet
from agent.video.settings import FFMPEG_ENVIRONMENT, CameraSettings
from agent.video.source import BACKENDS

ROUNDS = 5
FPS = 25
SECONDS = 4
MASKS = (polygon([(0, 0), (0.4, 0), (0.4, 0.3), (0, 0.3)]), polygon([(0.7, 0.6), (1, 0.6), (0.9, 1)]))


def main() -> None:
    os.environ.update(FFMPEG_ENVIRONMENT)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(sys.argv[1]) if len(sys.argv) > 1 else make_clip(Path(folder) / "clip.mp4")
        ways: dict[str, Callable[[Path], int]] = {
            "cv2.VideoCapture.read, bare": read_cv2,
            "PyAV decode + bgr24, bare": read_pyav,
            "ours, every frame, 2 masks": lambda path: capture(path, pace="fast", fps=FPS),
            "ours, 5 of 25 a second, 2 masks": lambda path: capture(path, pace="source", fps=5),
        }
        costs_ms: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                began_s = time.process_time()
                count = way(clip)
                costs_ms[name].append((time.process_time() - began_s) * 1000 / count)
    base_ms = statistics.median(costs_ms["cv2.VideoCapture.read, bare"])
    for name, costs in costs_ms.items():
        median_ms = statistics.median(costs)
        print(f"{name:34s} {median_ms:6.2f} ms CPU a picture   x {median_ms / base_ms:.2f}")


def read_cv2(path: Path) -> int:
    reader, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), 0
    while reader.read()[0]:
        count += 1
    reader.release()
    return count


def read_pyav(path: Path) -> int:
    count = 0
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            frame.to_ndarray(format="bgr24")
            count += 1
    return count


def capture(path: Path, pace: str, fps: float) -> int:
    """Run the capture path to the end of the file; the number of pictures decoded."""
    camera = CameraSettings("bench", "Bench", "opencv", str(path), pace=pace, fps=fps, masks=MASKS)
    cameras = CameraSet([camera], BACKENDS, SystemClock())
    cameras.start()
    judged = 0
    while not cameras.finished:
        judged += len(cameras.gather(0.5))
    cameras.stop()
    return judged + cameras.statuses()[0].dropped


def make_clip(path: Path) -> Path:
    """Encode a still scene with sensor noise and a moving block, at about 4 Mbit/s."""
    draw = np.random.default_rng(1)
    still = cv2.resize(draw.integers(0, 255, (27, 48, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1920, 1080, "yuv420p", 4_000_000
        stream.time_base = Fraction(1, FPS)
        for number in range(SECONDS * FPS):
            picture = cv2.add(still, draw.integers(0, 12, still.shape, np.uint8))
            picture[400:700, number * 15 % 1600 :][:, :300] = 30
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main()
