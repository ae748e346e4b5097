"""The door of this room: frames in, detections out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.core.classes import group_ids
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.detect.card import Card, DecodedHead
from agent.detect.catalogue import find_card
from agent.detect.decode import make_decoder, read_frame, shape_fault
from agent.detect.engine import Engine, SlotEngine, Tensor, TensorSpec, open_engine
from agent.detect.golden import prove
from agent.detect.modelfile import sha256_of
from agent.detect.modelstore import resolve_model
from agent.detect.needs import check_tensorrt
from agent.detect.nms import merge_groups, suppress
from agent.detect.prepare import Fit, Preparer
from agent.detect.settings import DetectSettings
from agent.errors import ModelError

log = logging.getLogger(__name__)

_WORTH = 4  # a larger batch gains nothing on the engines here, and the first frame of it waits for the last

_READABLE = ("float32", "float16", "int32", "int64")


def open_detector(settings: DetectSettings, *, renew: bool = False) -> Detector:
    """Find the card and its model file, load it, and make sure that the two agree.

    Args:
        settings: what to load into which engine.
        renew: see ``agent.detect.engine.open_engine``.

    Raises:
        PlanMissing: TensorRT's engine of this model has not been built yet.
        ModelError: card or file is missing, broken, or they do not fit each other.
        BackendMissing: the engine is not to be had here.
    """
    card = find_card(settings.card, settings.models_dir)
    model = resolve_model(settings, card)
    detector = load_detector(card, model, settings, renew=renew)
    log.info("detector ready: %s, model %s, sha256 %s…", detector.describe(), model, detector.model_hash)
    return detector


def load_detector(card: Card, model: Path, settings: DetectSettings, *, renew: bool = False) -> Detector:
    """Load ``model`` as what ``card`` says it is; see ``open_detector``."""
    doubtful = settings.engine == "tensorrt" and bool(card.least_tensorrt)
    if settings.engine == "tensorrt":
        check_tensorrt(card)
    # A doubtful one is proved before it serves; one that a renewal puts in its place would not be.
    engine = open_engine(settings.engine, model, settings.threads, settings.tensorrt, renew=renew and not doubtful)
    try:
        if doubtful:
            prove(card, model, engine, settings.threads)
        return Detector(card, model, engine, settings)
    except ModelError:
        engine.close()
        raise


@dataclass(frozen=True, eq=False, slots=True)
class _Picture:
    pixels: NDArray[np.uint8]
    image: object | None = None


class Detector:
    """Finds objects in frames. One thread at a time uses it.

    Attributes:
        card: the model's card.
        labels: names of the class ids.
        model_hash: first 16 hex digits of the model file's SHA-256.
    """

    def __init__(self, card: Card, model: Path, engine: Engine, settings: DetectSettings) -> None:
        """Take over ``engine``, into which ``model`` is loaded; ModelError where that is not the model of ``card``."""
        self.card = card
        self.labels = card.labels
        self.model_hash = sha256_of(model)[:16]
        self._subject = str(model)
        self._name = f"{card.id} on {settings.engine}"
        self._engine = engine
        self._slots = engine if isinstance(engine, SlotEngine) else None
        self._min_score = settings.min_score
        self._preparer = Preparer(card.input)
        self._decoder = make_decoder(card)
        self._groups = np.array(group_ids(card.labels), np.int64)
        self._batch = np.empty((0, *self._preparer.shape), card.input.dtype)
        self._answers: tuple[Tensor, ...] = ()
        self._running: deque[list[Fit]] = deque()
        self._check_input(engine.input)
        self._order = self._output_order(engine.outputs)
        self._check_shapes(engine.outputs[i].shape for i in self._order)

    @property
    def most(self) -> int:
        """The most frames that one call of the network takes, as far as it is worth waiting for them."""
        return min(self._most or _WORTH, _WORTH)

    def describe(self) -> str:
        """Name card and engine, e.g. ``yolox-nano on onnx``."""
        return self._name

    def news(self) -> str:
        """Say what people should know of the engine, e.g. that it is being renewed; mostly nothing."""
        return str(getattr(self._engine, "news", ""))

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find objects, one entry a frame, in order; frames may be of different cameras and sizes.

        Every object appears once: where classes of one group compete for it, the surer one is kept.

        Raises:
            ModelError: the model fails or answers in another shape than its card says.
        """
        return [merge_groups(found, self._groups) for found in self.find(frames)]

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        """Give what the model itself finds: suppressed within each class, without the class groups of ``detect``."""
        found: list[Detections] = []
        for fits, outputs in self._calls([_Picture(frame.pixels, frame.image) for frame in frames]):
            found += [self._read(outputs, i, fit) for i, fit in enumerate(fits)]
        return found

    def self_test(self, pixels: NDArray[np.uint8]) -> Detections:
        """Run once on a picture, (H, W, 3) uint8 BGR, and refuse answers that no healthy detector gives.

        Raises:
            ModelError: the model fails, answers with NaN or infinity, or its scores are no probabilities.
        """
        ((fits, outputs),) = self._calls([_Picture(pixels)])
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError(self._subject, "answers with NaN or infinity; the file is damaged or badly exported")
        # Rows that fill up a ready-made table may carry any negative score; elsewhere that is a sigmoid left out.
        least = 0.0 if isinstance(self.card.head, DecodedHead) else -np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self._decoder.read(tuple(output[0] for output in outputs), least).scores
        low, high = scores.min(initial=0), scores.max(initial=0)
        if low < -0.001 or high > 1.001:
            scale = f"scores from {low:.3g} to {high:.3g}, but they must lie between 0 and 1"
            raise ModelError(self._subject, f"gives {scale}; export it with its sigmoid")
        return merge_groups(self._read(outputs, 0, fits[0]), self._groups)

    def close(self) -> None:
        """Give the engine back; the detector cannot be used any more."""
        self._engine.close()

    def _calls(self, pictures: Sequence[_Picture]) -> Iterator[tuple[list[Fit], list[Tensor]]]:
        """Run the network on all pictures; for each call, how each picture lay in it, and its outputs, checked.

        An engine that works by itself is given the next pictures while it runs on the last ones. What is given out must
        be read before the next is asked for.
        """
        most, running = self._most or max(1, len(pictures)), self._running
        while running and self._slots is not None:  # what an error left on its way: nobody wants it any more
            running.popleft()
            self._slots.collect()
        running.clear()
        for start in range(0, len(pictures), most):
            running.append(self._begin(pictures[start : start + most]))
            if self._slots is None or len(running) > 1:
                yield self._end(running.popleft())
        while running:
            yield self._end(running.popleft())

    def _begin(self, pictures: Sequence[_Picture]) -> list[Fit]:
        """Fill the next call's input and run on it; gives how each picture lies in it."""
        count = len(pictures)
        if self._slots is not None:
            slots = self._slots.slots(count)
            fits = [self._fill(picture, i, slots[i]) for i, picture in enumerate(pictures)]
            self._slots.submit(count)
            return fits
        if len(self._batch) < count:
            self._batch = np.empty((count, *self._preparer.shape), self.card.input.dtype)
        batch = self._batch[:count]
        fits = [self._preparer.fill(picture.pixels, slot) for picture, slot in zip(pictures, batch, strict=True)]
        self._answers = self._engine.run(batch)
        return fits

    def _fill(self, picture: _Picture, index: int, slot: Tensor) -> Fit:
        """Fill a slot; a picture that the GPU can read, and that goes in as it is, is copied by the GPU."""
        image, preparer, colour = picture.image, self._preparer, self.card.input.colour
        if image is None or self._slots is None or not preparer.untouched(picture.pixels):
            return preparer.fill(picture.pixels, slot)
        taken = self._slots.take(image, index, colour)
        return preparer.surround(picture.pixels, slot) if taken else preparer.fill(picture.pixels, slot)

    def _end(self, fits: list[Fit]) -> tuple[list[Fit], list[Tensor]]:
        answers = self._answers if self._slots is None else self._slots.collect()
        outputs = [answers[i] for i in self._order]
        self._check_answer(outputs, len(fits))
        return fits, outputs

    @property
    def _most(self) -> int | None:
        """The most pictures a call; an engine that is exchanged may change it."""
        return 1 if self.card.batch == "fixed" else self._engine.max_batch

    def _read(self, outputs: Sequence[Tensor], index: int, fit: Fit) -> Detections:
        frame = tuple(output[index] for output in outputs)
        return suppress(read_frame(self._decoder, frame, self._min_score, fit), self.card.nms_iou)

    def _check_answer(self, outputs: Sequence[Tensor], count: int) -> None:
        self._check_shapes(output.shape for output in outputs)
        if any(len(output) != count for output in outputs):
            raise ModelError(self._subject, f"was given {count} frames and answers for {[len(o) for o in outputs]}")

    def _check_shapes(self, shapes: Iterable[tuple[int | None, ...]]) -> None:
        """Compare outputs with what the card's head gives; the batch is the engine's business."""
        fault = shape_fault(self._decoder.shapes, tuple(shape[1:] for shape in shapes))
        if fault:
            raise self._stranger(fault)

    def _check_input(self, got: TensorSpec) -> None:
        wanted = TensorSpec(self.card.input.name, (None, *self._preparer.shape), self.card.input.dtype)
        if shape_fault((wanted.shape[1:],), (got.shape[1:],)) or (got.name, got.dtype) != (wanted.name, wanted.dtype):
            raise self._stranger(f"takes {_shown(got)}, not {_shown(wanted)} (N = frames)")

    def _output_order(self, outputs: tuple[TensorSpec, ...]) -> tuple[int, ...]:
        """Give the places of the outputs that the card names, or of all."""
        names = [output.name for output in outputs]
        missing = [name for name in self.card.outputs if name not in names]
        if missing:
            raise self._stranger(f"has no output {missing[0]!r}, only {', '.join(names)}")
        order = tuple(names.index(name) for name in self.card.outputs) or tuple(range(len(names)))
        for output in (outputs[i] for i in order):
            if output.dtype not in _READABLE:
                raise self._stranger(f"answers {output.name!r} in {output.dtype}, not in {' or '.join(_READABLE)}")
        return order

    def _stranger(self, fault: str) -> ModelError:
        remedy = f"name the card that belongs to this file, or fetch the file that card {self.card.id} describes"
        return ModelError(self._subject, f"{fault}; {remedy}")


def _shown(spec: TensorSpec) -> str:
    lengths = ", ".join("N" if length is None else str(length) for length in spec.shape)
    return f"{spec.name!r} [{lengths}] {spec.dtype}"
