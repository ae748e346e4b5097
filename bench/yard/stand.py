"""A watch program in a temporary box, fed with pictures that are decoded already, its network metered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.clock import SystemClock
from agent.core.polygon import polygon
from agent.core.source import Grab, StreamRequest
from agent.detect.catalogue import find_card
from agent.detect.detector import Detector
from agent.detect.engine import Engine, Tensor, open_engine
from agent.detect.settings import DetectSettings
from agent.errors import SourceEnded
from agent.evidence.settings import EvidenceSettings
from agent.rules.settings import DEFAULTS, RulebookSettings, RuleSettings, ZoneSettings
from agent.store.migrations import migrate
from agent.store.settings import StoreSettings
from agent.store.signing import signer_of
from agent.store.watch_store import WatchStore
from agent.track.settings import TrackSettings
from agent.video.opencv import open_opencv
from agent.video.settings import CameraSettings
from agent.watch.process import Watch
from agent.watch.settings import WatchSettings

WIDTH_PX, HEIGHT_PX = 640, 360
STEP_US = 200_000  # film time between two pictures: a camera at 5 a second, so that pictures are kept as often as there
CROWD = 20

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """What all parts of the bench work on; written to a file for those that run as other programs.

    Attributes:
        card: id of the baked model's card.
        model: the baked model; its card lies beside it.
        clip: a film of it, 640 x 360 or near.
        about: one line for people.
    """

    card: str
    model: str
    clip: str
    about: str

    def write(self, path: Path) -> Path:
        path.write_text(json.dumps(asdict(self)), "utf-8")
        return path

    @staticmethod
    def read(path: Path) -> Material:
        return Material(**json.loads(path.read_text("utf-8")))

    @property
    def detect(self) -> DetectSettings:
        model = Path(self.model)
        return DetectSettings("onnx", self.card, model, model.parent, motion_gate=False)


def pictures_of(clip: Path, count: int) -> list[Picture]:
    """The first pictures of a clip, at the size of a camera's second stream."""
    reader, found = cv2.VideoCapture(str(clip)), []
    while len(found) < count and (got := reader.read())[0]:
        found.append(cv2.resize(got[1], (WIDTH_PX, HEIGHT_PX)))
    reader.release()
    return found


class Film:
    """A source of pictures that are in memory; gives as many as it has been allowed to."""

    live = False

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures, self._number, self._allowed = pictures, 0, 0
        self._more = threading.Condition()
        self._over = False

    def allow(self, count: int) -> None:
        with self._more:
            self._allowed += count
            self._more.notify_all()

    def end(self) -> None:
        with self._more:
            self._over = True
            self._more.notify_all()

    def read(self) -> Grab:
        with self._more:
            self._more.wait_for(lambda: self._number < self._allowed or self._over)
        if self._over:
            raise SourceEnded("film", "the bench is over")
        self._number += 1
        return Grab(self._pictures[self._number % len(self._pictures)], self._number * STEP_US)

    def close(self) -> None:
        pass


class Metered:
    """An engine whose calls are counted and timed; with ``crowd`` it answers with so many objects on their way."""

    def __init__(self, engine: Engine, crowd: int = 0) -> None:
        self._engine, self._crowd = engine, crowd
        self.input, self.outputs, self.max_batch = engine.input, engine.outputs, engine.max_batch
        self.cpu_s = self.wall_s = self.first_s = self.last_s = 0.0
        self.frames = self.calls = 0

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        cpu_s, began_s = time.thread_time(), time.perf_counter()
        answers = self._engine.run(batch)
        answers = self._crowded(answers) if self._crowd else answers
        self.last_s = time.perf_counter()
        self.cpu_s += time.thread_time() - cpu_s
        self.wall_s += self.last_s - began_s
        self.first_s = self.first_s or began_s
        self.frames += len(batch)
        self.calls += 1
        return answers

    def restart(self) -> None:
        self.cpu_s = self.wall_s = self.first_s = self.last_s = 0.0
        self.frames = self.calls = 0

    def close(self) -> None:
        self._engine.close()

    def _crowded(self, answers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Put objects into the best rows: half of them stand, half go to and fro; boxes jitter by a pixel."""
        by_name = {spec.name: answer.copy() for spec, answer in zip(self.outputs, answers, strict=True)}
        height, width = self.input.shape[1:3]
        assert height is not None
        assert width is not None
        k = np.arange(self._crowd)
        sway = np.where(k % 2, 0.0, 0.02 * np.sin(self.calls / 10 + k))
        x, y = (0.05 + 0.18 * (k % 5) + sway) * width, (0.08 + 0.2 * (k // 5)) * height
        jitter = np.sin(np.outer(k + 1, [1, 2, 3, 4]) * self.calls)
        boxes = np.stack((x, y, x + 0.12 * width, y + 0.14 * height), axis=1) + jitter
        by_name["boxes"][:, : self._crowd] = boxes
        by_name["scores"][:, : self._crowd] = 0.6 + 0.3 * k / self._crowd
        by_name["classes"][:, : self._crowd] = np.where(k % 4, 2, 0)
        return tuple(by_name[spec.name] for spec in self.outputs)


def camera(name: str, backend: str, url: str, **more: object) -> CameraSettings:
    return CameraSettings(name, name, backend, url, **more)  # type: ignore[arg-type]


def settings_of(folder: Path, detect: DetectSettings, cameras: Sequence[CameraSettings]) -> WatchSettings:
    """A box whose every camera has two rules on two zones."""
    store = StoreSettings("bench", folder / "state")
    migrate(store)
    (folder / "runtime").mkdir(exist_ok=True)
    return WatchSettings(
        tuple(cameras),
        detect,
        TrackSettings(),
        tuple(_rulebook(each.id) for each in cameras),
        EvidenceSettings(),
        store,
        folder / "runtime",
    )


def _rulebook(name: str) -> RulebookSettings:
    lower = polygon([(0.0, 0.4), (1.0, 0.4), (1.0, 1.0), (0.0, 1.0)])
    kerb = polygon([(0.1, 0.3), (0.6, 0.3), (0.7, 0.9), (0.1, 0.9)])
    zones = (ZoneSettings("lower", "Lower half", lower), ZoneSettings("kerb", "Kerb", kerb))
    return RulebookSettings(name, zones, (_rule("stopped_vehicle", "lower"), _rule("intrusion", "kerb")))


def _rule(name: str, zone: str) -> RuleSettings:
    default = DEFAULTS[name]
    told = {each: getattr(default, each) for each in RuleSettings.__dataclass_fields__ if hasattr(default, each)}
    return RuleSettings(**{**told, "rule": name, "zone": zone, "schedule": ()})


class Stand:
    """The watch program at work in a thread: its films and its metered network within reach."""

    def __init__(self, settings: WatchSettings, films: dict[str, Film], crowd: int = 0) -> None:
        clock = SystemClock()
        card = find_card(settings.detect.card, settings.detect.models_dir)
        assert settings.detect.model is not None
        self.engine = Metered(open_engine("onnx", settings.detect.model, settings.detect.threads), crowd)
        self.detector = Detector(card, settings.detect.model, self.engine, settings.detect)
        self.stop = threading.Event()
        self._store = WatchStore(settings.store, signer_of(settings.store, "watch"), clock)
        self._films = films
        self._looked_s = 0.0

        def opened(request: StreamRequest) -> Film:
            return films[request.url]

        backends = {"film": opened, "opencv": open_opencv}
        self.watch = Watch(settings, clock, self.stop, self._store, self.detector, backends)
        self._thread = threading.Thread(target=self.watch.loop, name="judge")

    def start(self) -> None:
        self.watch.start()
        self._thread.start()

    def restart(self) -> None:
        """Count from now on."""
        self.engine.restart()
        self._looked_s = self._cpu_of_lookout_s()

    @property
    def looking_s(self) -> float:
        """CPU time of the looking thread since then."""
        return self._cpu_of_lookout_s() - self._looked_s

    def _cpu_of_lookout_s(self) -> float:
        """0 once it has ended."""
        for thread in threading.enumerate():
            if thread.name == "lookout" and thread.ident is not None:
                return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        return 0.0

    @property
    def finished(self) -> bool:
        """Whether every source has ended, and its last picture been judged."""
        return not self._thread.is_alive()

    def close(self) -> None:
        for film in self._films.values():
            film.end()
        self.stop.set()
        self._thread.join()
        self.watch.close()
        self._store.close()
        self.detector.close()


@contextmanager
def films_on(
    folder: Path, material: Material, pictures: Sequence[Picture], cameras: int, crowd: int = 0
) -> Iterator[tuple[Stand, list[Film]]]:
    """Run the watch program on so many films."""
    films = {f"film-{n}": Film(pictures[n * 7 :] + pictures[: n * 7]) for n in range(cameras)}  # type: ignore[operator]
    told = [camera(f"cam-{n}", "film", name, pace="fast") for n, name in enumerate(films)]
    stand = Stand(settings_of(folder, material.detect, told), films, crowd)
    stand.start()
    try:
        yield stand, list(films.values())
    finally:
        stand.close()
