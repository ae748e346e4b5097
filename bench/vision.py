"""How near the vision process comes to its network: the real watch loop against the bare network and a plain loop.

    python bench/vision.py [throughput] [overhead] [plain_loops] [decoding] [start] [memory]

Everything is told as a ratio, or as CPU time a picture, measured in one run with the two sides interleaved, so that a
busy machine slows both; medians of the rounds. One thread for the network everywhere; the motion gate is off where
pictures are counted, for it would only make them fewer.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime as ort
from yard import peers
from yard.stand import CROWD, HEIGHT_PX, WIDTH_PX, Film, Material, Picture, Stand, films_on, pictures_of

from agent.clock import SystemClock
from agent.core.frame import Frame
from agent.detect.bake import Order, bake
from agent.detect.detector import open_detector
from agent.detect.prepare import Preparer
from agent.stage.render import Renderer
from agent.stage.script import load_scene
from agent.video.capture import CameraSet
from agent.video.settings import FFMPEG_ENVIRONMENT, CameraSettings
from agent.video.source import BACKENDS
from agent.watch import process

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, PICTURES = 7, 32
MEMORY_S = 20


def main() -> None:
    os.environ.update(FFMPEG_ENVIRONMENT)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    logging.disable(logging.CRITICAL)  # cameras whose film is held back count as slow and lost
    sys.setswitchinterval(process.TURN_S)
    given = os.environ.get("COMMUNE_REAL", "")
    parts = (throughput, overhead, plain_loops, decoding, start, memory)
    with tempfile.TemporaryDirectory() as folder:
        material = material_in(Path(folder), Path(given) if given else ROOT.parent / "shared" / "real")
        print(material.about)
        for part in parts if len(sys.argv) == 1 else (part for part in parts if part.__name__ in sys.argv):
            try:
                part(Path(folder), material)
            except (RuntimeError, OSError, TimeoutError, ImportError) as fault:
                print(f"  left out: {str(fault)[:300]}")
            sys.stdout.flush()


def material_in(folder: Path, real: Path) -> Material:
    """Bake what there is, and choose the film."""
    nano, clip = real / "models/yolox_nano_416.onnx", real / "videos/street_overlook_parked.mp4"
    if nano.is_file() and clip.is_file():
        made = bake(Order(nano, "yolox-nano", folder / "bench-nano.onnx", "bench", size=(384, 640)))
        about = f"YOLOX-nano baked at 384 x 640, fp32; film {clip.name}, a real street"
        return Material("bench-nano", str(made.path), str(clip), about)
    made = bake(Order(ROOT / "models/demo.onnx", "demo", folder / "bench-demo.onnx", "bench"))
    about = f"no real material at {real}: the demo model, baked, on a rendered street; parked cars and AP are left out"
    return Material("bench-demo", str(made.path), str(rendered(folder / "street.mp4")), about)


def rendered(path: Path, seconds: int = 30, fps: int = 10) -> Path:
    renderer = Renderer(load_scene("demo_road"))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for number in range(seconds * fps):
            frame = av.VideoFrame.from_ndarray(renderer.render(number / fps).pixels, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def row(what: str, number: str, goal: str = "") -> None:
    print(f"  {what:58s} {number:>16s}   {goal}")


def throughput(folder: Path, material: Material) -> None:
    """Pictures a second of the whole pipeline over those of ``session.run`` alone, on the same model and pictures."""
    print("pictures a second, pipeline over session.run alone")
    pictures = pictures_of(Path(material.clip), PICTURES)
    for cameras in (1, 4):
        ratios, shares, calls = [], [], []
        bare = Bare(material, pictures, cameras)
        with films_on(folder / f"through-{cameras}", material, pictures, cameras) as (stand, films):
            pipeline(stand, films, 8)
            for number in range(ROUNDS):
                ways: list[Callable[[], float]] = [lambda: pipeline(stand, films, PICTURES), bare.rate]
                first, second = (way() for way in (ways if number % 2 else ways[::-1]))
                ours, alone = (first, second) if number % 2 else (second, first)
                ratios.append(ours / alone)
                calls.append(stand.engine.frames / stand.engine.calls)
                shares.append(stand.engine.cpu_s / stand.looking_s)
        row(
            f"{cameras} camera(s), {statistics.median(calls):.1f} pictures a call, by the clock",
            told(ratios),
            "goal >= 0.95",
        )
        row("  the network's share of the looking thread's CPU", told(shares), "what the clock shows on idle cores")


def pipeline(stand: Stand, films: Sequence[Film], count: int) -> float:
    """Let so many pictures of each film through; pictures a second from the network's first call to its last."""
    stand.restart()
    for film in films:
        film.allow(count)
    wait_for(lambda: stand.engine.frames >= count * len(films))
    return stand.engine.frames / (stand.engine.last_s - stand.engine.first_s)


class Bare:
    """``session.run`` in a loop, on batches that are ready."""

    def __init__(self, material: Material, pictures: Sequence[Picture], cameras: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(material.model, options, providers=["CPUExecutionProvider"])
        detector = open_detector(material.detect)
        preparer = Preparer(detector.card.input)
        self._batches = np.empty((len(pictures), cameras, *preparer.shape), np.uint8)
        for k, batch in enumerate(self._batches):
            for n, slot in enumerate(batch):
                preparer.fill(pictures[(k + 7 * n) % len(pictures)], slot)
        detector.close()

    def rate(self) -> float:
        began_s = time.perf_counter()
        for batch in self._batches:
            self._session.run(None, {"images": batch})
        return self._batches.shape[0] * self._batches.shape[1] / (time.perf_counter() - began_s)


def overhead(folder: Path, material: Material) -> None:
    """CPU time of the process a picture, without the network's: preparing, reading, tracking, judging, pictures."""
    print(f"CPU a picture outside the network, {WIDTH_PX} x {HEIGHT_PX}, {CROWD} objects in every picture")
    pictures = pictures_of(Path(material.clip), PICTURES)
    for cameras in (1, 4):
        spent_ms = []
        with films_on(folder / f"over-{cameras}", material, pictures, cameras, CROWD) as (stand, films):
            pipeline(stand, films, 8)
            for _ in range(ROUNDS):
                time.sleep(0.1)
                began_s = time.process_time()
                pipeline(stand, films, PICTURES)
                time.sleep(0.1)  # until the last picture has been judged
                spent_s = time.process_time() - began_s - stand.engine.cpu_s
                spent_ms.append(spent_s * 1000 / stand.engine.frames)
        row(f"{cameras} camera(s)", told(spent_ms, " ms"), "goal <= 1.5 ms")


def plain_loops(folder: Path, material: Material) -> None:
    """The same film through our watch program and through a plain loop, each a program of its own, by turns."""
    print("the same film, against a plain loop of OpenCV, ONNX Runtime and trackers' ByteTrack")
    python = peers.interpreter()
    detector = open_detector(material.detect)
    spec = detector.card.input
    found = folder / "plain.json"
    words = [material.model, spec.height, spec.width, spec.resize, material.clip, 0.1, detector.card.nms_iou, found]
    told_of = material.write(folder / "material.json")
    wall, bound, cpu, over = [], [], [], []
    for number in range(4):
        ways = [
            lambda: child(sys.executable, "ours.py", told_of, "clip"),
            lambda: child(str(python), "plain.py", *words),
        ]
        first, second = (way() for way in (ways if number % 2 else ways[::-1]))
        ours, plain = (first, second) if number % 2 else (second, first)
        ours_s, plain_s = ours["frames"] / ours["wall_s"], plain["frames"] / plain["wall_s"]
        wall.append(ours_s / plain_s)
        bound.append(plain["cpu_s"] / plain["frames"] / (ours["looking_s"] / ours["frames"]))
        cpu.append(plain["cpu_s"] / plain["frames"] / (ours["cpu_s"] / ours["frames"]))
        over.append((plain["cpu_s"] - plain["network_cpu_s"]) / plain["frames"] * 1000)
    row("pictures a second, ours over theirs, by the clock", told(wall), "goal > 1")
    row("  their only thread's CPU over our looking thread's", told(bound), "what the clock shows on idle cores")
    row("CPU a picture, theirs over ours", told(cpu), "")
    row("their CPU a picture outside the network", told(over, " ms"), "they keep nothing and tell nobody")
    theirs = json.loads(found.read_text("utf-8"))
    row("detections above 0.4 that both have (IoU > 0.9)", f"{agreement(detector, material, theirs):.4f}", "goal 1")
    detector.close()


def agreement(detector, material: Material, theirs: list[list[list[float]]]) -> float:
    """Share of all detections above 0.4 of either side that the other has too: class equal, IoU above 0.9."""
    reader, both, all_of_them = cv2.VideoCapture(material.clip), 0, 0
    now = SystemClock().now()
    for number, rows in enumerate(theirs):
        got, picture = reader.read()
        if not got or number % 5:
            continue
        (found,) = detector.find([Frame("gate", number, now, picture)])
        ours = np.column_stack((found.boxes, found.scores, found.class_ids))
        plain = np.array(rows).reshape(-1, 6)
        for first, second in ((ours, plain), (plain, ours)):
            for one in first[first[:, 4] >= 0.4]:
                all_of_them += 1
                both += any(one[5] == other[5] and iou(one[:4], other[:4]) > 0.9 for other in second)
    reader.release()
    return both / max(1, all_of_them)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared + 1e-12))


def decoding(_folder: Path, material: Material) -> None:
    """CPU a picture from the file to the network's slot, against PyAV doing only that."""
    print("decode and scale to the network's input, CPU a picture")
    detector = open_detector(material.detect)
    spec = detector.card.input
    ratios, ours_ms = [], []
    for _ in range(5):
        began_s = time.process_time()
        count = scaled_by_us(material.clip, Preparer(spec))
        ours = (time.process_time() - began_s) / count
        began_s = time.process_time()
        count = scaled_by_pyav(material.clip, spec.height, spec.width)
        ratios.append(ours / ((time.process_time() - began_s) / count))
        ours_ms.append(ours * 1000)
    row("ours, captured, stamped, handed over, scaled", told(ours_ms, " ms"), "")
    row("ours over bare PyAV (decode, scale by swscale)", told(ratios), "")
    detector.close()


def scaled_by_us(clip: str, preparer: Preparer) -> int:
    cameras = CameraSet([CameraSettings("gate", "", "opencv", clip, pace="fast")], BACKENDS, SystemClock())
    slot, count = np.empty(preparer.shape, np.uint8), 0
    cameras.start()
    while not cameras.finished:
        for frame in cameras.gather(0.5):
            preparer.fill(frame.pixels, slot)
            count += 1
    cameras.stop()
    return count


def scaled_by_pyav(clip: str, height: int, width: int) -> int:
    count = 0
    with av.open(clip) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            frame.reformat(width, height, format="bgr24").to_ndarray()
            count += 1
    return count


def start(folder: Path, material: Material) -> None:
    """From the start of the program to its first look, against a program that does nothing else."""
    print("start-up to the first look")
    told_of = material.write(folder / "material.json")
    ours, bare = [], []
    for _ in range(5):
        ours.append(spent_s([sys.executable, yard("ours.py"), str(told_of), "first"]))
        bare.append(spent_s([sys.executable, "-c", BARE_START.format(model=material.model)]))
    row("ours: configuration, store, cameras, network, first picture", told(ours, " s"), "")
    ratio = [a / b for a, b in zip(ours, bare, strict=True)]
    row("over a program that only imports and runs the network once", told(ratio), "")


BARE_START = """
import cv2, numpy, onnxruntime
session = onnxruntime.InferenceSession("{model}")
shape = [n if isinstance(n, int) else 1 for n in session.get_inputs()[0].shape]
session.run(None, {{"images": numpy.zeros(shape, numpy.uint8)}})
print("first", flush=True)
"""


def memory(folder: Path, material: Material) -> None:
    """What the process takes with so many cameras in real time, and how that grows."""
    print(f"memory of watch, MB resident, {MEMORY_S} s each in real time (a leak shows only in hours: not here)")
    told_of = material.write(folder / "material.json")
    for cameras in (1, 4, 8):
        sizes = child(sys.executable, "ours.py", told_of, "memory", cameras, MEMORY_S)["sizes_mb"]
        early, late = statistics.median(sizes[8:13]), statistics.median(sizes[-5:])
        row(f"{cameras} camera(s)", f"{late:.0f} MB", f"{late - early:+.1f} MB from second 10 to {MEMORY_S - 3}")


def child(python: str, program: str, *words: object) -> dict:
    line = [python, yard(program), *map(str, words)]
    path = f"{ROOT}{os.pathsep}{ROOT / 'bench'}"
    run = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    if run.returncode:
        raise RuntimeError(run.stderr[-300:])
    return json.loads(run.stdout.splitlines()[-1])


def spent_s(line: Sequence[str]) -> float:
    """Seconds until a program says ``first``."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'bench'}"
    began_s = time.perf_counter()
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as run:
        assert run.stdout is not None
        said = run.stdout.readline()
        took_s = time.perf_counter() - began_s
    if said.strip() != "first":
        raise RuntimeError(f"said {said!r}")
    return took_s


def yard(program: str) -> str:
    return str(ROOT / "bench/yard" / program)


def told(values: Sequence[float], unit: str = "") -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):.2f}{unit} ({low:.2f}-{high:.2f})"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the pipeline stands still")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
