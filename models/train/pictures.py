"""Render the pictures to learn from, once, into flat files that training maps into memory."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.stage.improvise import MOMENT_S, improvise
from agent.stage.improvise import __file__ as improvise_file
from agent.stage.render import Picture, Renderer
from agent.stage.scene import CLASSES

WIDTH, HEIGHT = 448, 256
"""The detector's input; the renderer's picture is stretched to it."""

_LEAST_SHARE, _LEAST_PX = 0.25, 8
"""Less visible, or smaller on its longer side: neither asked for nor punished."""

ROW = 6
"""A label row: class, x1, y1, x2, y2 in input px, 1 where it is to be ignored."""


@dataclass(frozen=True)
class SetPlan:
    """What one set of pictures consists of; the same plan always gives the same pictures.

    Attributes:
        name: of its files.
        first_seed: scenes take the seeds from here on.
        scenes: how many places.
        moments: pictures a place.
        dusk_every: every n-th scene is at dusk; 0 = none, 1 = all.
    """

    name: str
    first_seed: int
    scenes: int
    moments: int
    dusk_every: int

    @property
    def count(self) -> int:
        """Number of pictures."""
        return self.scenes * self.moments


TRAIN = SetPlan("train", first_seed=1, scenes=500, moments=10, dusk_every=4)
HELD_OUT_DAY = SetPlan("held-out-day", first_seed=1_000_001, scenes=60, moments=4, dusk_every=0)
HELD_OUT_DUSK = SetPlan("held-out-dusk", first_seed=2_000_001, scenes=30, moments=4, dusk_every=1)


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A rendered set.

    Attributes:
        pixels: (N, HEIGHT, WIDTH, 3) uint8 BGR, mapped from disk.
        labels: (M, 1 + ROW) float32: picture number, then a label row.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.float32]

    def of(self, number: int) -> NDArray[np.float32]:
        """Label rows of one picture, (K, ROW)."""
        first, last = np.searchsorted(self.labels[:, 0], [number, number + 1])
        return self.labels[first:last, 1:]


def prepare(plan: SetPlan, folder: Path, processes: int) -> PictureSet:
    """Render a set unless ``folder`` holds it already, drawn by this very code, and map it."""
    pixel_file, label_file, plan_file = (folder / f"{plan.name}.{end}" for end in ("npy", "labels.npy", "json"))
    wanted = {**asdict(plan), "stage": _stage_sources()}
    if not plan_file.exists() or json.loads(plan_file.read_text("utf-8")) != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        plan_file.unlink(missing_ok=True)  # it says that the other two are whole
        pixels = np.lib.format.open_memmap(pixel_file, "w+", np.uint8, (plan.count, HEIGHT, WIDTH, 3))
        np.save(label_file, _draw(plan, pixels, processes))
        pixels.flush()
        plan_file.write_text(json.dumps(wanted), "utf-8")
    return PictureSet(np.load(pixel_file, mmap_mode="r"), np.load(label_file))


def _draw(plan: SetPlan, pixels: NDArray[np.uint8], processes: int) -> NDArray[np.float32]:
    """Fill ``pixels`` with the plan's pictures; gives the labels of ``PictureSet``."""
    rows = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, (scene, crowd) in enumerate(pool.imap(_render, [(plan, i) for i in range(plan.scenes)])):
            for number, (picture, labels) in enumerate(crowd, scene * plan.moments):
                pixels[number] = picture
                rows.append(np.insert(labels, 0, number, axis=1))
            if done % 50 == 49:
                print(f"{plan.name}: {done + 1} of {plan.scenes} scenes rendered", flush=True)
    return np.concatenate(rows).astype(np.float32)


def _stage_sources() -> str:
    """Fingerprint of the code that draws; pictures of other code are rendered anew."""
    digest = hashlib.sha256()
    for path in [*sorted(Path(improvise_file).parent.glob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stretch a picture to the detector's input as the agent does (bilinear)."""
    return np.asarray(cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.uint8)


def label_rows(picture: Picture) -> NDArray[np.float32]:
    """Label rows of a picture, (K, ROW); what cannot be seen at all has none."""
    rows = []
    for true in picture.boxes:
        sides = np.array(true.box) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
        longer = max(sides[2] - sides[0], sides[3] - sides[1])
        if true.visible_share > 0.02 and longer >= 3:
            ignored = true.visible_share < _LEAST_SHARE or longer < _LEAST_PX
            rows.append([CLASSES.index(true.label), *sides, float(ignored)])
    return np.array(rows, np.float32).reshape(-1, ROW)


def _render(task: tuple[SetPlan, int]) -> tuple[int, list[tuple[NDArray[np.uint8], NDArray[np.float32]]]]:
    plan, number = task
    cv2.setNumThreads(1)
    dusk = plan.dusk_every > 0 and number % plan.dusk_every == 0
    renderer = Renderer(improvise(plan.first_seed + number, plan.moments, dusk))
    crowds = []
    for moment in range(plan.moments):
        picture = renderer.render((moment + 0.5) * MOMENT_S)
        crowds.append((shrink(picture.pixels), label_rows(picture)))
    return number, crowds
