"""One model's engine on this machine: on the shelf, to be built, or an older one that serves meanwhile."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from agent.detect.engine import PlanMissing, PlanRefused
from agent.detect.install import today
from agent.detect.modelfile import explained
from agent.detect.settings import TensorRtSettings
from agent.detect.trt.api import TensorRt
from agent.detect.trt.builder import LEVEL, REVISION, BuildCancelled
from agent.detect.trt.construction import BuildNews, Job, Stop, Told, construct
from agent.detect.trt.memory import Memory
from agent.detect.trt.place import Place
from agent.detect.trt.session import Session
from agent.detect.trt.shelf import Note, Shelf, key_of
from agent.errors import ModelError
from agent.owner import as_owner

log = logging.getLogger(__name__)

BUILD = "commune-agent model build site.toml"
REMEDY = f"reboot, and if that does not help: {BUILD} --again; TensorRT and JetPack may not belong together"


class Workshop:
    """Opens, builds and renews the engine of one model.

    Args:
        trt: the library.
        model: the baked ONNX file.
        settings: batch, scratch memory, folder.
        place: this machine.
        memory: makes what a session works with.
        python: the interpreter that builds.
    """

    def __init__(
        self,
        trt: TensorRt,
        model: Path,
        settings: TensorRtSettings,
        place: Place,
        memory: Callable[[], Memory],
        python: str = sys.executable,
    ) -> None:
        self.key = key_of(model, place, settings.batch, settings.workspace_bytes, LEVEL, REVISION)
        self.shelf = Shelf(settings.engines_dir, model)
        self.plan = self.shelf.plan(self.key)
        self._trt = trt
        self._model = model
        self._memory = memory
        self._python = python

    def open(self) -> Session:
        """Load the engine that is wanted.

        Raises:
            PlanMissing: it has not been built yet, or its file is damaged.
            PlanRefused: it is there and does not load here.
            ModelError: no memory for it.
        """
        content = self.shelf.read(self.plan)
        if content is None:
            raise PlanMissing(str(self._model), f"has no engine on this box yet; build it with: {BUILD}")
        return self._load(content)

    def open_older(self) -> Session | None:
        """Load an engine of the same model that was built for other settings; None where none loads."""
        for path in self.shelf.older(self.key):
            content = self.shelf.read(path)
            if content is None:
                continue
            try:
                session = self._load(content)
            except ModelError as error:
                log.info("the older engine %s serves no more: %s", path.name, error.problem)
                continue
            log.warning("the older engine %s serves until the one that is configured has been built", path.name)
            return session
        return None

    def build(self, told: Told, stop: Stop, *, again: bool = False) -> None:
        """Build the engine that is wanted, unless it is there; one build at a time on a box, others wait.

        Args:
            told: hears how far it is.
            stop: ends it.
            again: build it though it is there.

        Raises:
            BuildCancelled: it was stopped.
            ModelError: no engine can be built, or the disk does not take it.
            BackendMissing: TensorRT is not to be had here.
        """
        unwanted = self.shelf.note(self.plan) if again else None
        with self.shelf.locked(self._waiting(told, stop)):
            there = self.shelf.note(self.plan)
            if there is not None and there != unwanted and self.shelf.read(self.plan) is not None:
                return  # somebody else has built it meanwhile
            with explained(self.shelf.folder):
                self._build(told, stop)

    def obtain(self, told: Told, stop: Stop) -> Session:
        """Load the engine; build it first where it is missing, or does not load. A second refusal is told, not mended.

        Raises:
            PlanRefused: what was built here does not load here.
            BuildCancelled, ModelError, BackendMissing: as ``open`` and ``build``.
        """
        try:
            return self.open()
        except PlanMissing:
            self.build(told, stop)
        except PlanRefused as error:
            if self.refused:
                raise self._hopeless(error) from error
            log.warning("%s; it is built again, once", error)
            self.build(told, stop, again=True)
        try:
            return self.open()
        except PlanRefused as error:
            self.mark_refused()
            raise self._hopeless(error) from error

    @property
    def refused(self) -> bool:
        """Whether the engine that is wanted was built here and did not load here."""
        note = self.shelf.note(self.plan)
        return note is not None and note.refused

    def mark_refused(self) -> None:
        """Note that, so that the next start does not build it once more; where the disk takes no note, it will."""
        note = self.shelf.note(self.plan)
        try:
            if note is not None:
                with explained(self.shelf.folder), as_owner(self.shelf.folder):
                    self.shelf.write_note(self.plan, replace(note, refused=True))
        except ModelError as error:
            log.warning("it will be built once more: %s", error)

    def tidy(self) -> None:
        """Clear away what the engine replaces; called when it runs. What cannot go stays: it runs all the same."""
        try:
            with self.shelf.locked(self._give_up), explained(self.shelf.folder), as_owner(self.shelf.folder):
                self.shelf.tidy(self.key)
        except ModelError as error:
            log.warning("engines that are replaced stay for now: %s", error)

    def _load(self, content: bytes) -> Session:
        return Session(self._trt, str(self._model), content, self._memory())

    def _waiting(self, told: Told, stop: Stop) -> Callable[[float], None]:
        def pause(seconds: float) -> None:
            told(BuildNews("waiting for another build", 0.0, 0.0, None))
            if stop.wait(seconds):
                raise BuildCancelled("waiting for another build was stopped")

        return pause

    def _give_up(self, _seconds: float) -> None:
        raise ModelError(str(self.shelf.folder), "an engine is being built there just now")

    def _build(self, told: Told, stop: Stop) -> None:
        shelf, timing = self.shelf, self.shelf.timing(self.key.place)
        part, timing_part = (path.with_name(path.name + ".part") for path in (self.plan, timing))
        job = Job(
            self._model, self.key.model, self.key.batch, self.key.workspace_bytes, part, timing_part, timing
        )  # fmt: skip
        log.info("building an engine from %s; this takes minutes", self._model)
        with as_owner(shelf.folder):  # a builder whose parent was killed may write into these for some seconds more
            part.unlink(missing_ok=True)
            timing_part.unlink(missing_ok=True)
        try:
            made = construct(job, told, stop, shelf.estimate_s(), self._python)
            note = Note(self._model.name, asdict(self.key), made.sha256, made.build_s, today(), made.said)
            with as_owner(shelf.folder):
                if timing_part.stat().st_size:
                    timing_part.replace(timing)
                shelf.put(self.plan, part, note)
        finally:
            with as_owner(shelf.folder):
                part.unlink(missing_ok=True)
                timing_part.unlink(missing_ok=True)
        for line in made.said:
            log.info("TensorRT: %s", line)
        log.info("engine %s built in %.0f s", self.plan.name, made.build_s)

    def _hopeless(self, error: PlanRefused) -> PlanRefused:
        return PlanRefused(
            str(self._model), f"its engine was built on this box and does not load: {error.problem}; {REMEDY}"
        )
