"""An older engine that serves while the one that is wanted is being built."""

from __future__ import annotations

import logging
import threading

from agent.detect.engine import PlanRefused, Tensor
from agent.detect.trt.builder import BuildCancelled
from agent.detect.trt.construction import BuildNews
from agent.detect.trt.session import Session
from agent.detect.trt.workshop import REMEDY, Workshop
from agent.errors import AgentError

log = logging.getLogger(__name__)


class Renewal:
    """A session that is exchanged for the wanted one between two calls, when that has been built.

    Both are of the same model file, so what goes in and comes out stays the same; only ``max_batch`` may change. Where
    no new engine can be built, the old one goes on serving, and ``news`` says so: the box keeps watching.
    """

    def __init__(self, old: Session, workshop: Workshop, *, again: bool = False) -> None:
        """Take over ``old`` and begin to build; ``again`` where there is a plan, and it does not load."""
        self._session = old
        self._workshop = workshop
        self._again = again
        self._stop = threading.Event()
        self._built = threading.Event()
        self._news = "a new engine is being built"
        self._on_their_way = 0
        self.input = old.input
        self.outputs = old.outputs
        self._builder = threading.Thread(target=self._build, daemon=True, name="engine-build")
        self._builder.start()

    @property
    def max_batch(self) -> int | None:
        """Of the session that serves."""
        return self._session.max_batch

    @property
    def news(self) -> str:
        """How the building goes, for people; empty when the new engine serves."""
        return self._news

    def slots(self, count: int) -> Tensor:
        """See ``Session.slots``."""
        return self._session.slots(count)

    def take(self, image: object, slot: int, colour: str) -> bool:
        """See ``Session.take``."""
        return self._session.take(image, slot, colour)

    def submit(self, count: int) -> None:
        """See ``Session.submit``."""
        self._session.submit(count)
        self._on_their_way += 1

    def collect(self) -> tuple[Tensor, ...]:
        """See ``Session.collect``; when nothing is left on its way, the new engine takes over."""
        answers = self._session.collect()
        self._on_their_way -= 1
        if self._built.is_set() and not self._on_their_way:
            answers = tuple(answer.copy() for answer in answers)  # their memory goes with the old engine
            self._exchange()
        return answers

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        """See ``Session.run``."""
        self.slots(len(batch))[...] = batch
        self.submit(len(batch))
        return self.collect()

    def close(self) -> None:
        """Stop the build and give everything back; never raises."""
        self._stop.set()
        self._builder.join()
        self._session.close()

    def _build(self) -> None:
        if self._again and self._workshop.refused:
            log.error(
                "the older engine goes on serving: the new one was built on this box and does not load; %s", REMEDY
            )
            self._news = f"the new engine does not load; {REMEDY}"
            return
        try:
            self._workshop.build(self._hear, self._stop, again=self._again)
        except BuildCancelled:
            return
        except AgentError as error:
            log.error("the older engine goes on serving, for the new one cannot be built: %s", error)
            self._news = f"the new engine cannot be built: {error}"
            return
        self._built.set()

    def _hear(self, news: BuildNews) -> None:
        self._news = f"a new engine is being built: {news}"

    def _exchange(self) -> None:
        """Open the new engine before the old one is given back: while it cannot be opened, there is still one."""
        self._built.clear()
        try:
            new = self._workshop.open()
        except AgentError as error:
            log.error("the older engine goes on serving, for the new one does not load: %s", error)
            self._news = f"the new engine does not load: {error}"
            if isinstance(error, PlanRefused):
                self._workshop.mark_refused()
            return
        old, self._session, self._news = self._session, new, ""
        old.close()
        self._workshop.tidy()
        log.info("the new engine serves")
